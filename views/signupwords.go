package views

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// Language is one that end users read.
type Language struct {
	Tag         string // as in HTML
	Name        string // in the language itself
	RightToLeft bool
}

// Languages are those that the texts for end users exist in. The first is for whoever reads none of them.
var Languages = []Language{{Tag: "en", Name: "English"}, {Tag: "es", Name: "Español"}, {Tag: "fr", Name: "Français"}, {Tag: "de", Name: "Deutsch"},
	{Tag: "pt", Name: "Português"}, {Tag: "ar", Name: "العربية", RightToLeft: true}}

var languageMatcher = func() language.Matcher {
	tags := make([]language.Tag, len(Languages))
	for i, l := range Languages {
		tags[i] = language.MustParse(l.Tag)
	}
	return language.NewMatcher(tags)
}()

// ChooseLanguage returns the language that a visitor asks for by its tag, or else the best of those that the browser accepts.
func ChooseLanguage(asked, accepted string) Language {
	for _, l := range Languages {
		if l.Tag == asked {
			return l
		}
	}
	tags, _, err := language.ParseAcceptLanguage(accepted)
	if err != nil {
		return Languages[0]
	}
	_, i, _ := languageMatcher.Match(tags...)
	return Languages[i]
}

func (l Language) dir() string {
	if l.RightToLeft {
		return "rtl"
	}
	return "ltr"
}

// say returns a text of [signupWords] with its placeholders filled in. In a language that is written from right to left, each name is kept
// apart, so that it does not turn what stands around it about.
func (l Language) say(key string, names ...string) string {
	for i := 1; i < len(names) && l.RightToLeft; i += 2 {
		names[i] = "\u2068" + names[i] + "\u2069"
	}
	return strings.NewReplacer(names...).Replace(signupWords[key][l.Tag])
}

// date writes a date as the language does.
func (l Language) date(t time.Time) string {
	names, known := months[l.Tag]
	if !known {
		return t.Format(time.DateOnly)
	}
	day := fmt.Sprint(t.Day())
	if l.Tag == "fr" && t.Day() == 1 {
		day = "1er"
	}
	return strings.NewReplacer("D", day, "M", names[t.Month()-1], "Y", fmt.Sprint(t.Year())).Replace(signupWords["date"][l.Tag])
}

var months = map[string][12]string{
	"en": {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	"es": {"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"},
	"fr": {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"},
	"de": {"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"},
	"pt": {"janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"},
	"ar": {"يناير", "فبراير", "مارس", "أبريل", "مايو", "يونيو", "يوليو", "أغسطس", "سبتمبر", "أكتوبر", "نوفمبر", "ديسمبر"},
}

// steps are the times that a promise is rounded up to; beyond the last, nothing is promised.
var steps = []struct {
	time time.Duration
	key  string
}{
	{time.Minute, "1m"}, {2 * time.Minute, "2m"}, {5 * time.Minute, "5m"}, {10 * time.Minute, "10m"}, {15 * time.Minute, "15m"},
	{30 * time.Minute, "30m"}, {time.Hour, "1h"}, {2 * time.Hour, "2h"}, {6 * time.Hour, "6h"}, {12 * time.Hour, "12h"}, {24 * time.Hour, "1d"},
	{72 * time.Hour, "3d"},
}

// promise tells within which time the merchant usually confirms, and "" where nothing is promised.
func (l Language) promise(within time.Duration) string {
	for _, s := range steps {
		if within > 0 && within <= s.time {
			return l.say("promise", "{time}", signupWords[s.key][l.Tag])
		}
	}
	return ""
}

// signupKey is where the texts of a page are found: those of a state that takes long differ.
func signupKey(p SignupPage) string {
	if p.Slow {
		return string(p.State) + "-slow"
	}
	return string(p.State)
}

func signupSays(p SignupPage, key string) string {
	return p.Language.say(key, "{product}", p.Product.Name, "{merchant}", p.Product.Merchant.Name,
		"{reseller}", cmp.Or(p.Brand.Name, signupWords["provider"][p.Language.Tag]), "{date}", p.Language.date(p.Ends))
}

// through tells who sells what.
func through(p SignupPage) string {
	if p.Brand.Name == "" {
		return p.Product.Merchant.Name
	}
	return signupSays(p, "through")
}

// signupWords is every text of the end user's page, by what it is for and by language. A test proves that none is missing. Wherever a text has
// {reseller}, "provider" fits in its place.
var signupWords = map[string]map[string]string{
	"go.title": {
		"en": "Finish signing up for {product}",
		"es": "Termina tu registro en {product}",
		"fr": "Finalisez votre inscription à {product}",
		"de": "Anmeldung für {product} abschließen",
		"pt": "Conclua a sua inscrição em {product}",
		"ar": "أكمل التسجيل في {product}",
	},
	"go.text": {
		"en": "Continue to {merchant}, sign up there, and it is yours.",
		"es": "Continúa en {merchant}, regístrate allí y listo.",
		"fr": "Continuez chez {merchant}, inscrivez-vous et c’est prêt.",
		"de": "Weiter zu {merchant}: Dort melden Sie sich an, und schon ist alles bereit.",
		"pt": "Continue para {merchant}, faça lá a sua inscrição e pronto.",
		"ar": "انتقل إلى {merchant} وسجّل هناك، وستصبح الخدمة جاهزة لك.",
	},
	"preparing.title": {
		"en": "We are getting {product} ready",
		"es": "Estamos preparando {product}",
		"fr": "Nous préparons {product}",
		"de": "Wir bereiten {product} vor",
		"pt": "Estamos preparando {product}",
		"ar": "نجهّز لك {product}",
	},
	"preparing.text": {
		"en": "It will be ready in a minute. This page goes on by itself.",
		"es": "Estará listo en un minuto. Esta página se actualiza sola.",
		"fr": "Ce sera prêt dans une minute. Cette page s’actualise toute seule.",
		"de": "In einer Minute ist es so weit. Diese Seite aktualisiert sich von selbst.",
		"pt": "Ficará tudo pronto em um minuto. Esta página é atualizada automaticamente.",
		"ar": "سيكون جاهزاً خلال دقيقة. تُحدَّث هذه الصفحة تلقائياً.",
	},
	"preparing-slow.title": {
		"en": "{product} is not quite ready yet",
		"es": "Aún falta un poco para {product}",
		"fr": "Encore un peu de patience pour {product}",
		"de": "{product} braucht noch etwas Zeit",
		"pt": "Ainda falta um pouco para {product}",
		"ar": "ما زلنا نجهّز {product}",
	},
	"preparing-slow.text": {
		"en": "It takes longer than usual. You can close this page and open your link again later; nothing is lost.",
		"es": "Está tardando más de lo normal. Puedes cerrar esta página y abrir tu enlace más tarde; no se pierde nada.",
		"fr": "Cela prend plus de temps que d’habitude. Vous pouvez fermer cette page et rouvrir votre lien plus tard\u202f: rien n’est perdu.",
		"de": "Es dauert länger als sonst. Sie können diese Seite schließen und Ihren Link später wieder öffnen; es geht nichts verloren.",
		"pt": "Está demorando mais do que o normal. Pode fechar esta página e abrir o seu link mais tarde; nada se perde.",
		"ar": "يستغرق الأمر وقتاً أطول من المعتاد. يمكنك إغلاق هذه الصفحة وفتح الرابط لاحقاً، ولن تفقد شيئاً.",
	},
	"waiting.title": {
		"en": "Waiting for {merchant} to confirm",
		"es": "Esperando la confirmación de {merchant}",
		"fr": "En attente de la confirmation de {merchant}",
		"de": "Wir warten auf die Bestätigung von {merchant}",
		"pt": "Aguardando a confirmação de {merchant}",
		"ar": "في انتظار التأكيد من {merchant}",
	},
	"waiting.text": {
		"en": "This page turns to done by itself. Not finished there? Continue again.",
		"es": "Esta página se actualiza sola. ¿No terminaste? Continúa de nuevo.",
		"fr": "Cette page se mettra à jour toute seule. Pas encore terminé\u202f? Continuez à nouveau.",
		"de": "Diese Seite aktualisiert sich von selbst. Noch nicht fertig? Machen Sie dort weiter.",
		"pt": "Esta página é atualizada automaticamente. Ainda não terminou? Continue de novo.",
		"ar": "تُحدَّث هذه الصفحة تلقائياً. لم تُكمل التسجيل بعد؟ تابِع من جديد.",
	},
	"waiting-slow.title": {
		"en": "{merchant} has not confirmed yet",
		"es": "{merchant} aún no ha confirmado",
		"fr": "{merchant} n’a pas encore confirmé",
		"de": "{merchant} hat noch nicht bestätigt",
		"pt": "{merchant} ainda não confirmou",
		"ar": "لم يصلنا التأكيد من {merchant} بعد",
	},
	"waiting-slow.text": {
		"en": "If you did not finish signing up there, continue again. If you did, you can close this page and open your link again later.",
		"es": "Si no terminaste el registro, continúa de nuevo. Si lo terminaste, puedes cerrar esta página y abrir tu enlace más tarde.",
		"fr": "Si vous n’avez pas terminé l’inscription, continuez à nouveau. Sinon, vous pouvez fermer cette page et rouvrir votre lien plus tard.",
		"de": "Falls Sie dort noch nicht fertig sind, machen Sie weiter. Sonst können Sie diese Seite schließen und Ihren Link später wieder öffnen.",
		"pt": "Se não terminou a inscrição, continue de novo. Se já terminou, pode fechar esta página e abrir o seu link mais tarde.",
		"ar": "إذا لم تُكمل التسجيل هناك فتابِع من جديد. وإذا أكملته فيمكنك إغلاق هذه الصفحة وفتح الرابط لاحقاً.",
	},
	"coming.title": {
		"en": "{product} is on its way",
		"es": "{product} está en camino",
		"fr": "{product} arrive bientôt",
		"de": "{product} ist gleich da",
		"pt": "{product} está a caminho",
		"ar": "{product} في الطريق إليك",
	},
	"coming.text": {
		"en": "There is nothing more for you to do. This page tells you when it is ready.",
		"es": "No tienes que hacer nada más. Esta página te avisa cuando esté listo.",
		"fr": "Vous n’avez plus rien à faire. Cette page vous dira quand c’est prêt.",
		"de": "Sie müssen nichts weiter tun. Diese Seite zeigt Ihnen, wenn alles bereit ist.",
		"pt": "Não é preciso fazer mais nada. Esta página avisa quando estiver tudo pronto.",
		"ar": "لا يلزمك فعل أي شيء آخر. ستخبرك هذه الصفحة عندما تصبح الخدمة جاهزة.",
	},
	"done.title": {
		"en": "You’re all set: {product} is active",
		"es": "¡Todo listo! Ya tienes {product}",
		"fr": "C’est prêt\u202f: {product} est à vous",
		"de": "Alles bereit: {product} ist aktiv",
		"pt": "Tudo pronto: {product} já é seu",
		"ar": "كل شيء جاهز: تم تفعيل {product}",
	},
	"done.text": {
		"en": "Sign in at {merchant} and enjoy it. You can close this page.",
		"es": "Inicia sesión en {merchant} y disfruta. Puedes cerrar esta página.",
		"fr": "Connectez-vous chez {merchant} et profitez-en. Vous pouvez fermer cette page.",
		"de": "Melden Sie sich bei {merchant} an. Viel Freude damit! Sie können diese Seite schließen.",
		"pt": "Entre em {merchant} e aproveite. Pode fechar esta página.",
		"ar": "سجّل الدخول إلى {merchant} واستمتع. يمكنك إغلاق هذه الصفحة.",
	},
	"ending.title": {
		"en": "{product} is active until {date}",
		"es": "Tienes {product} hasta el {date}",
		"fr": "Vous avez {product} jusqu’au {date}",
		"de": "{product} ist bis zum {date} aktiv",
		"pt": "Você tem {product} até {date}",
		"ar": "يمكنك استخدام {product} حتى {date}",
	},
	"ending.text": {
		"en": "Until then, use it at {merchant} as before. To keep it, contact {reseller}.",
		"es": "Hasta entonces, úsalo en {merchant} como siempre. Para conservarlo, contacta con {reseller}.",
		"fr": "D’ici là, profitez-en chez {merchant} comme avant. Pour le garder, contactez {reseller}.",
		"de": "Bis dahin nutzen Sie es bei {merchant} wie gewohnt. Möchten Sie es behalten? Wenden Sie sich an {reseller}.",
		"pt": "Até lá, use normalmente em {merchant}. Para continuar depois, fale com {reseller}.",
		"ar": "حتى ذلك الحين استخدمه في {merchant} كالمعتاد. وللاحتفاظ به تواصل مع {reseller}.",
	},
	"direct.title": {
		"en": "You already have {merchant}",
		"es": "Ya tienes {merchant}",
		"fr": "Vous avez déjà {merchant}",
		"de": "Sie haben {merchant} bereits",
		"pt": "Você já tem {merchant}",
		"ar": "لديك اشتراك في {merchant} بالفعل",
	},
	"direct.text": {
		"en": "So there is nothing to sign up for here. If you would like to have it through {reseller}, ask there; they can help you move it.",
		"es": "Aquí no hace falta que te registres. Si quieres tenerlo a través de {reseller}, pregúntales y te ayudarán con el cambio.",
		"fr": "Aucune inscription n’est nécessaire ici. Pour l’avoir par {reseller}, demandez-leur de vous aider à le transférer.",
		"de": "Hier müssen Sie sich nicht mehr anmelden. Möchten Sie es über {reseller} beziehen, hilft man Ihnen dort beim Wechsel.",
		"pt": "Não é preciso fazer a inscrição aqui. Se preferir ter o serviço com {reseller}, peça ajuda para fazer a mudança.",
		"ar": "لا حاجة إلى التسجيل هنا. إذا أردت الحصول عليه عبر {reseller} فاطلب المساعدة منهم على نقله.",
	},
	"ended.title": {
		"en": "{product} has ended",
		"es": "{product} ha terminado",
		"fr": "{product} a pris fin",
		"de": "{product} ist beendet",
		"pt": "{product} terminou",
		"ar": "انتهى اشتراكك في {product}",
	},
	"ended.text": {
		"en": "If you would like it again, contact {reseller}.",
		"es": "Si quieres volver a tenerlo, contacta con {reseller}.",
		"fr": "Pour l’avoir de nouveau, contactez {reseller}.",
		"de": "Möchten Sie es wieder haben? Wenden Sie sich an {reseller}.",
		"pt": "Se quiser voltar a ter, fale com {reseller}.",
		"ar": "إذا أردت الاشتراك من جديد فتواصل مع {reseller}.",
	},
	"closed.title": {
		"en": "This sign-up is closed",
		"es": "Este registro está cerrado",
		"fr": "Cette inscription est close",
		"de": "Diese Anmeldung ist geschlossen",
		"pt": "Esta inscrição foi encerrada",
		"ar": "هذا التسجيل مغلق",
	},
	"closed.text": {
		"en": "It was not finished. If you still want {product}, contact {reseller} for a new link.",
		"es": "No se completó. Si aún quieres {product}, contacta con {reseller} y pide un enlace nuevo.",
		"fr": "Elle n’a pas été terminée. Si vous voulez toujours {product}, contactez {reseller} pour recevoir un nouveau lien.",
		"de": "Sie wurde nicht abgeschlossen. Möchten Sie {product} weiterhin? Wenden Sie sich für einen neuen Link an {reseller}.",
		"pt": "Ela não foi concluída. Se ainda quiser {product}, fale com {reseller} para receber um novo link.",
		"ar": "لم يكتمل التسجيل. إذا كنت ما زلت تريد {product} فتواصل مع {reseller} للحصول على رابط جديد.",
	},
	"paused.title": {
		"en": "{product} is paused",
		"es": "{product} está en pausa",
		"fr": "{product} est en pause",
		"de": "{product} ist pausiert",
		"pt": "{product} está em pausa",
		"ar": "{product} متوقف مؤقتاً",
	},
	"paused.text": {
		"en": "To find out more, contact {reseller} and give the reference below.",
		"es": "Para saber más, contacta con {reseller} e indica la referencia de abajo.",
		"fr": "Pour en savoir plus, contactez {reseller} en indiquant la référence ci-dessous.",
		"de": "Für mehr dazu wenden Sie sich an {reseller} und nennen Sie die Referenz unten.",
		"pt": "Para saber mais, fale com {reseller} e informe a referência abaixo.",
		"ar": "لمعرفة المزيد تواصل مع {reseller} واذكر الرقم المرجعي أدناه.",
	},
	"refused.title": {
		"en": "{product} is not available to you just now",
		"es": "{product} no está disponible para ti en este momento",
		"fr": "{product} n’est pas disponible pour vous actuellement",
		"de": "{product} ist für Sie zurzeit nicht verfügbar",
		"pt": "{product} não está disponível para você no momento",
		"ar": "{product} غير متاح لك حالياً",
	},
	"refused.text": {
		"en": "The request was not accepted. To find out why, contact {reseller} and give the reference below.",
		"es": "No se aceptó la solicitud. Para saber por qué, contacta con {reseller} e indica la referencia de abajo.",
		"fr": "La demande n’a pas été acceptée. Pour savoir pourquoi, contactez {reseller} en indiquant la référence ci-dessous.",
		"de": "Die Anfrage wurde nicht angenommen. Fragen zum Grund? Wenden Sie sich an {reseller} und nennen Sie die Referenz unten.",
		"pt": "O pedido não foi aceito. Para saber o motivo, fale com {reseller} e informe a referência abaixo.",
		"ar": "لم يُقبل الطلب. لمعرفة السبب تواصل مع {reseller} واذكر الرقم المرجعي أدناه.",
	},
	"failed.title": {
		"en": "Something went wrong with {product}",
		"es": "Algo ha fallado con {product}",
		"fr": "Un problème est survenu avec {product}",
		"de": "Mit {product} ist etwas schiefgegangen",
		"pt": "Algo deu errado com {product}",
		"ar": "حدثت مشكلة في {product}",
	},
	"failed.text": {
		"en": "We are checking with {merchant}. If it takes too long, contact {reseller} and give the reference below.",
		"es": "Lo estamos comprobando con {merchant}. Si tarda demasiado, contacta con {reseller} e indica la referencia de abajo.",
		"fr": "Nous vérifions avec {merchant}. Si cela dure trop longtemps, contactez {reseller} en indiquant la référence ci-dessous.",
		"de": "Wir klären das mit {merchant}. Dauert es zu lange, wenden Sie sich an {reseller} und nennen Sie die Referenz unten.",
		"pt": "Estamos verificando com {merchant}. Se demorar muito, fale com {reseller} e informe a referência abaixo.",
		"ar": "نتحقق من الأمر مع {merchant}. إذا طال الانتظار فتواصل مع {reseller} واذكر الرقم المرجعي أدناه.",
	},
	"stuck.title": {
		"en": "The sign-up cannot be opened just now",
		"es": "Ahora mismo no se puede abrir el registro",
		"fr": "L’inscription ne peut pas s’ouvrir pour l’instant",
		"de": "Die Anmeldung lässt sich gerade nicht öffnen",
		"pt": "Não é possível abrir a inscrição agora",
		"ar": "يتعذّر فتح التسجيل حالياً",
	},
	"stuck.text": {
		"en": "Try again in a moment. If that does not help, contact {reseller} and give the reference below.",
		"es": "Inténtalo de nuevo en un momento. Si no funciona, contacta con {reseller} e indica la referencia de abajo.",
		"fr": "Réessayez dans un instant. Si cela ne suffit pas, contactez {reseller} en indiquant la référence ci-dessous.",
		"de": "Versuchen Sie es gleich noch einmal. Hilft das nicht, wenden Sie sich an {reseller} und nennen Sie die Referenz unten.",
		"pt": "Tente novamente em instantes. Se não funcionar, fale com {reseller} e informe a referência abaixo.",
		"ar": "حاول مرة أخرى بعد قليل. وإذا لم ينجح ذلك فتواصل مع {reseller} واذكر الرقم المرجعي أدناه.",
	},
	"busy.title": {
		"en": "Please try again later",
		"es": "Inténtalo de nuevo más tarde",
		"fr": "Réessayez un peu plus tard",
		"de": "Bitte versuchen Sie es später noch einmal",
		"pt": "Tente novamente mais tarde",
		"ar": "يُرجى المحاولة لاحقاً",
	},
	"busy.text": {
		"en": "This sign-up was opened very often in a short time. Open your link again in an hour, or contact {reseller} and give the reference below.",
		"es": "Este registro se abrió muchas veces en poco tiempo. Abre tu enlace dentro de una hora, o contacta con {reseller} e indica la referencia de abajo.",
		"fr": "Cette inscription a été ouverte très souvent en peu de temps. Rouvrez votre lien dans une heure, ou contactez {reseller} en indiquant la référence ci-dessous.",
		"de": "Diese Anmeldung wurde in kurzer Zeit sehr oft geöffnet. Öffnen Sie Ihren Link in einer Stunde wieder, oder wenden Sie sich an {reseller} und nennen Sie die Referenz unten.",
		"pt": "Esta inscrição foi aberta muitas vezes em pouco tempo. Abra o seu link de novo daqui a uma hora, ou fale com {reseller} e informe a referência abaixo.",
		"ar": "فُتح هذا التسجيل مرات كثيرة خلال وقت قصير. افتح الرابط مجدداً بعد ساعة، أو تواصل مع {reseller} واذكر الرقم المرجعي أدناه.",
	},
	"unknown.title": {
		"en": "This link does not work",
		"es": "Este enlace no funciona",
		"fr": "Ce lien ne fonctionne pas",
		"de": "Dieser Link funktioniert nicht",
		"pt": "Este link não funciona",
		"ar": "هذا الرابط لا يعمل",
	},
	"unknown.text": {
		"en": "Check that you have the whole of it. If you have, ask whoever sent it to you for a new one.",
		"es": "Comprueba que esté completo. Si lo está, pide uno nuevo a quien te lo envió.",
		"fr": "Vérifiez qu’il est complet. S’il l’est, demandez-en un nouveau à la personne qui vous l’a envoyé.",
		"de": "Prüfen Sie, ob er vollständig ist. Wenn ja, bitten Sie den Absender um einen neuen.",
		"pt": "Verifique se está completo. Se estiver, peça um novo a quem o enviou.",
		"ar": "تأكد من أن الرابط كامل. إذا كان كاملاً فاطلب رابطاً جديداً ممّن أرسله إليك.",
	},
	"error.title": {
		"en": "That did not work just now",
		"es": "No ha funcionado",
		"fr": "Cela n’a pas fonctionné",
		"de": "Das hat gerade nicht geklappt",
		"pt": "Não funcionou desta vez",
		"ar": "لم ينجح ذلك الآن",
	},
	"error.text": {
		"en": "It is our fault, not yours. Please open your link again in a moment.",
		"es": "El problema es nuestro, no tuyo. Vuelve a abrir tu enlace en un momento.",
		"fr": "Le problème vient de nous, pas de vous. Rouvrez votre lien dans un instant.",
		"de": "Das liegt an uns, nicht an Ihnen. Bitte öffnen Sie Ihren Link gleich noch einmal.",
		"pt": "O problema é nosso, não seu. Abra o seu link novamente em instantes.",
		"ar": "الخلل من جهتنا وليس منك. يُرجى فتح الرابط مرة أخرى بعد قليل.",
	},
	"other.title": {
		"en": "That did not work",
		"es": "No ha funcionado",
		"fr": "Cela n’a pas fonctionné",
		"de": "Das hat nicht geklappt",
		"pt": "Não funcionou",
		"ar": "لم ينجح ذلك",
	},
	"other.text": {
		"en": "Please open your link again.",
		"es": "Vuelve a abrir tu enlace.",
		"fr": "Rouvrez votre lien, s’il vous plaît.",
		"de": "Bitte öffnen Sie Ihren Link noch einmal.",
		"pt": "Abra o seu link novamente.",
		"ar": "يُرجى فتح الرابط من جديد.",
	},

	"go.button":           {"en": "Continue", "es": "Continuar", "fr": "Continuer", "de": "Weiter", "pt": "Continuar", "ar": "متابعة"},
	"waiting.button":      {"en": "Continue again", "es": "Continuar de nuevo", "fr": "Continuer à nouveau", "de": "Dort weitermachen", "pt": "Continuar de novo", "ar": "المتابعة من جديد"},
	"waiting-slow.button": {"en": "Continue again", "es": "Continuar de nuevo", "fr": "Continuer à nouveau", "de": "Dort weitermachen", "pt": "Continuar de novo", "ar": "المتابعة من جديد"},
	"stuck.button":        {"en": "Try again", "es": "Intentar de nuevo", "fr": "Réessayer", "de": "Noch einmal versuchen", "pt": "Tentar novamente", "ar": "المحاولة مجدداً"},
	"moment":              {"en": "One moment …", "es": "Un momento…", "fr": "Un instant…", "de": "Einen Moment …", "pt": "Um momento…", "ar": "لحظة واحدة…"},

	"through":   {"en": "{merchant} through {reseller}", "es": "{merchant} con {reseller}", "fr": "{merchant} avec {reseller}", "de": "{merchant} über {reseller}", "pt": "{merchant} com {reseller}", "ar": "{merchant} عبر {reseller}"},
	"provider":  {"en": "your provider", "es": "tu proveedor", "fr": "votre fournisseur", "de": "Ihren Anbieter", "pt": "a sua operadora", "ar": "مزوّد الخدمة"},
	"questions": {"en": "Questions?", "es": "¿Dudas?", "fr": "Une question\u202f?", "de": "Fragen?", "pt": "Dúvidas?", "ar": "هل لديك سؤال؟"},
	"reference": {"en": "Reference", "es": "Referencia", "fr": "Référence", "de": "Referenz", "pt": "Referência", "ar": "الرقم المرجعي"},
	"language":  {"en": "Language", "es": "Idioma", "fr": "Langue", "de": "Sprache", "pt": "Idioma", "ar": "اللغة"},
	"sandbox":   {"en": "Sandbox: nothing here is real", "es": "Entorno de pruebas: nada de esto es real", "fr": "Environnement de test\u202f: rien ici n’est réel", "de": "Testumgebung: nichts hier ist echt", "pt": "Ambiente de teste: nada aqui é real", "ar": "بيئة تجريبية: لا شيء هنا حقيقي"},
	"date":      {"en": "D M Y", "es": "D de M de Y", "fr": "D M Y", "de": "D. M Y", "pt": "D de M de Y", "ar": "D M Y"},

	"promise": {
		"en": "It usually takes less than {time}.",
		"es": "Suele tardar menos de {time}.",
		"fr": "En général, cela prend {time} au maximum.",
		"de": "Das dauert meist weniger als {time}.",
		"pt": "Geralmente leva menos de {time}.",
		"ar": "يستغرق ذلك عادةً أقل من {time}.",
	},
	"1m":  {"en": "a minute", "es": "un minuto", "fr": "une minute", "de": "eine Minute", "pt": "um minuto", "ar": "دقيقة"},
	"2m":  {"en": "2 minutes", "es": "2 minutos", "fr": "2 minutes", "de": "2 Minuten", "pt": "2 minutos", "ar": "دقيقتين"},
	"5m":  {"en": "5 minutes", "es": "5 minutos", "fr": "5 minutes", "de": "5 Minuten", "pt": "5 minutos", "ar": "5 دقائق"},
	"10m": {"en": "10 minutes", "es": "10 minutos", "fr": "10 minutes", "de": "10 Minuten", "pt": "10 minutos", "ar": "10 دقائق"},
	"15m": {"en": "15 minutes", "es": "15 minutos", "fr": "15 minutes", "de": "15 Minuten", "pt": "15 minutos", "ar": "15 دقيقة"},
	"30m": {"en": "half an hour", "es": "media hora", "fr": "une demi-heure", "de": "eine halbe Stunde", "pt": "meia hora", "ar": "نصف ساعة"},
	"1h":  {"en": "an hour", "es": "una hora", "fr": "une heure", "de": "eine Stunde", "pt": "uma hora", "ar": "ساعة"},
	"2h":  {"en": "2 hours", "es": "2 horas", "fr": "2 heures", "de": "2 Stunden", "pt": "2 horas", "ar": "ساعتين"},
	"6h":  {"en": "6 hours", "es": "6 horas", "fr": "6 heures", "de": "6 Stunden", "pt": "6 horas", "ar": "6 ساعات"},
	"12h": {"en": "12 hours", "es": "12 horas", "fr": "12 heures", "de": "12 Stunden", "pt": "12 horas", "ar": "12 ساعة"},
	"1d":  {"en": "a day", "es": "un día", "fr": "un jour", "de": "einen Tag", "pt": "um dia", "ar": "يوم"},
	"3d":  {"en": "3 days", "es": "3 días", "fr": "3 jours", "de": "3 Tage", "pt": "3 dias", "ar": "3 أيام"},
}
