package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

// smtpServer is a tiny mail server on this machine. answers are what it says to a command in place of yes; "drop" hangs up, "hang" says nothing.
type smtpServer struct {
	address string
	answers map[string]string
	got     chan string // what came with DATA
}

func startSMTP(t *testing.T, answers map[string]string) *smtpServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &smtpServer{address: l.Addr().String(), answers: answers, got: make(chan string, 10)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *smtpServer) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	say := func(command, usual string) bool {
		answer := usual
		if said := s.answers[command]; said != "" {
			answer = said
		}
		switch answer {
		case "drop":
			return false
		case "hang":
			_, _ = io.Copy(io.Discard, in)
			return false
		}
		fmt.Fprintf(conn, "%s\r\n", answer)
		return true
	}
	if !say("greeting", "220 test") {
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		command := strings.ToUpper(strings.Fields(line + " x")[0])
		usual := "250 ok"
		switch command {
		case "DATA":
			usual = "354 go on"
		case "QUIT":
			usual = "221 bye"
		case "AUTH":
			usual = "235 in"
		case "EHLO":
			usual = "250-test\r\n250 AUTH PLAIN"
		}
		if !say(command, usual) {
			return
		}
		if command == "DATA" && s.answers["DATA"] == "" {
			var text strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				text.WriteString(line)
			}
			s.got <- text.String()
			if !say("end", "250 taken") {
				return
			}
		}
	}
}

func (s *smtpServer) mailer(t *testing.T) *mailServer {
	t.Helper()
	m, err := parseMailServer("smtp://me:s3cret@"+s.address, "Hafen & Söhne <no-reply@harbour.example>")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var testEmail = resale.Email{ID: "0190-id", To: "zoe@example.com", Subject: "Schließen Sie Ihre Anmeldung für Bango Music ab, bevor der Monat zu Ende ist: es fehlt nicht mehr viel",
	Body: "Guten Tag Zoë,\n\nhttps://portal.example/s/TOKEN\n.\n" + strings.Repeat("ä", 200), Language: "de", Created: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}

func TestAnEmailArrivesAsItWasWritten(t *testing.T) {
	s := startSMTP(t, nil)
	if d, message := s.mailer(t).Send(t.Context(), testEmail); d != resale.Delivered {
		t.Fatalf("%v, %s", d, message)
	}
	got, err := mail.ReadMessage(strings.NewReader(<-s.got))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
	if err != nil || subject != testEmail.Subject {
		t.Errorf("the subject is %q, %v", subject, err)
	}
	from, err := got.Header.AddressList("From")
	if err != nil || from[0].Name != "Hafen & Söhne" || got.Header.Get("To") != "<zoe@example.com>" || got.Header.Get("Message-Id") != "<0190-id@harbour.example>" {
		t.Errorf("%v, %v", got.Header, err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(got.Body))
	if text := strings.ReplaceAll(string(body), "\r\n", "\n"); err != nil || strings.TrimRight(text, "\n") != strings.ReplaceAll(testEmail.Body, "\n.\n", "\n..\n") && strings.TrimRight(text, "\n") != testEmail.Body {
		t.Errorf("the text is %q, %v", text, err)
	}
}

func TestWhatBecomesOfAnEmail(t *testing.T) {
	for name, tt := range map[string]struct {
		answers map[string]string
		want    resale.Delivery
	}{
		"not now":                  {map[string]string{"RCPT": "451 come back later"}, resale.NotDelivered},
		"greylisted":               {map[string]string{"end": "450 later"}, resale.NotDelivered},
		"nobody there":             {map[string]string{"RCPT": "550 no such user"}, resale.Undeliverable},
		"not taken":                {map[string]string{"end": "554 spam"}, resale.Undeliverable},
		"our password":             {map[string]string{"AUTH": "535 wrong"}, resale.NotDelivered},
		"hangs up at once":         {map[string]string{"greeting": "drop"}, resale.NotDelivered},
		"hangs up before the text": {map[string]string{"DATA": "drop"}, resale.NotDelivered},
		"hangs up after the text":  {map[string]string{"end": "drop"}, resale.MaybeDelivered},
		"hangs up after its yes":   {map[string]string{"QUIT": "drop"}, resale.Delivered},
		"silent":                   {map[string]string{"MAIL": "hang"}, resale.NotDelivered},
		"silent after the text":    {map[string]string{"end": "hang"}, resale.MaybeDelivered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := startSMTP(t, tt.answers).mailer(t)
			m.timeout = 300 * time.Millisecond
			if got, message := m.Send(t.Context(), testEmail); got != tt.want || got != resale.Delivered && message == "" || strings.Contains(message, "s3cret") {
				t.Errorf("%v, %s; want %v", got, message, tt.want)
			}
		})
	}
	m := &mailServer{address: "127.0.0.1:1", host: "127.0.0.1", plain: true, timeout: time.Second}
	if got, _ := m.Send(t.Context(), testEmail); got != resale.NotDelivered {
		t.Errorf("with no server there: %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, _ := startSMTP(t, nil).mailer(t).Send(ctx, testEmail); got != resale.NotDelivered {
		t.Errorf("once stopped: %v", got)
	}
}

// Nothing that is put into an e-mail becomes a header or another recipient.
func TestNothingBecomesAHeader(t *testing.T) {
	s := startSMTP(t, nil)
	for _, e := range []resale.Email{
		{To: "zoe@example.com\r\nBcc: all@example.com", Subject: "x"}, {To: "zoe@example.com", Subject: "x\r\nBcc: all@example.com"},
		{To: "zoe@example.com", Subject: "x\nBcc: all@example.com"}, {To: "Zoë <zoe@example.com>", Subject: "x"}, {To: "a@example.com, b@example.com", Subject: "x"}, {To: "", Subject: "x"},
	} {
		if d, _ := s.mailer(t).Send(t.Context(), e); d != resale.Undeliverable {
			t.Errorf("%q to %q: %v", e.Subject, e.To, d)
		}
	}
	e := testEmail
	e.Body = "\r\n\r\nBcc: all@example.com\n.\nMAIL FROM:<x@example.com>"
	if d, message := s.mailer(t).Send(t.Context(), e); d != resale.Delivered {
		t.Fatal(d, message)
	}
	got, err := mail.ReadMessage(strings.NewReader(<-s.got))
	if err != nil || got.Header.Get("Bcc") != "" {
		t.Errorf("%v, %v", got.Header, err)
	}
}

func TestAMailServerElsewhereMustEncrypt(t *testing.T) {
	s := startSMTP(t, nil)
	m := s.mailer(t)
	m.plain = false // as if it were elsewhere
	if d, message := m.Send(t.Context(), testEmail); d != resale.NotDelivered || !strings.Contains(message, "STARTTLS") {
		t.Errorf("%v, %s", d, message)
	}
	select {
	case text := <-s.got:
		t.Errorf("it was sent in the clear: %s", text)
	default:
	}
	for _, tt := range []struct{ address, from, fault string }{
		{"smtp://u:p@mail.example.com", "x@example.com", ""}, {"smtps://mail.example.com", "X <x@example.com>", ""}, {"", "", ""},
		{"http://mail.example.com", "x@example.com", "LATCHKEY_SMTP_URL"}, {"smtp://", "x@example.com", "LATCHKEY_SMTP_URL"}, {"smtp://u:p@h/x", "x@example.com", "LATCHKEY_SMTP_URL"},
		{"smtp://h", "nobody", "LATCHKEY_SMTP_FROM"}, {"smtp://h", "", "go together"}, {"", "x@example.com", "go together"}, {"smtp://u:s3cret@h:x", "x@example.com", "LATCHKEY_SMTP_URL"},
	} {
		m, err := parseMailServer(tt.address, tt.from)
		if (err == nil) != (tt.fault == "") || err != nil && (!strings.Contains(err.Error(), tt.fault) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%q, %q: %v, %v", tt.address, tt.from, m, err)
		}
	}
}

// A portal with a mail server sends what staff ask for.
func TestThePortalSendsEmails(t *testing.T) {
	s := startSMTP(t, nil)
	for name, value := range map[string]string{"LATCHKEY_BANGO_USERNAME": "u", "LATCHKEY_BANGO_PASSWORD": "p", "LATCHKEY_SMTP_URL": "smtp://" + s.address} {
		t.Setenv(name, value)
	}
	f := portalFlags{BangoURL: "http://127.0.0.1:1/v1", BangoTimeout: "1s", ReconcileEvery: "1h", Reseller: "Harbour Mobile", SMTPFrom: "no-reply@harbour.example"}
	f.Listen, f.Database = freeAddress(t), filepath.Join(t.TempDir(), "x.db")
	set, err := f.settings()
	if err != nil {
		t.Fatal(err)
	}
	p, err := openPortal(t.Context(), set, slog.New(slog.DiscardHandler), seams{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	l, err := listen(set.listen, "LATCHKEY_LISTEN")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- p.serve(ctx, l) }()
	if err := sampleData(ctx, p.service); err != nil {
		t.Fatal(err)
	}
	customer, err := p.store.CustomerByIdentifier(ctx, "cust-0001")
	if err != nil {
		t.Fatal(err)
	}
	products, err := p.store.Products(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ana := resale.StaffActor(resale.Staff{ID: "s-1", Name: "Ana", Role: resale.Agent})
	e, err := p.service.CreateEntitlement(ctx, ana, resale.NewEntitlement{CustomerID: customer.ID, ProductID: products[0].ID, FormToken: resale.NewFormToken()})
	if err != nil {
		t.Fatal(err)
	}
	err = p.store.Write(ctx, func(ctx context.Context, tx resale.Tx) error {
		before, err := tx.LockEntitlement(ctx, e.ID)
		if err != nil {
			return err
		}
		after := before
		after.Status, after.BangoStatus, after.RegistrationURL = resale.Pending, "PENDING", "https://music.example/r"
		return tx.UpdateEntitlement(ctx, before, after)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.service.SendEmail(ctx, ana, e.Ref, resale.OccasionSignup, "en", resale.NewFormToken()); err != nil {
		t.Fatal(err)
	}
	if got := <-s.got; !strings.Contains(got, "Finish signing up for "+products[0].Name) || !strings.Contains(got, "Harbour Mobile") {
		t.Errorf("it says %s", got)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
