package handlers

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
)

const (
	get  = http.MethodGet
	post = http.MethodPost
)

// guard says who may use a route.
type guard string

const (
	anybody guard = "anybody" // signed in or not
	holder  guard = "holder"  // who has the token that the address carries
	bango   guard = "bango"   // who has the webhook's credentials; the only ones who may post from another site
	byTopic guard = "topic"   // as the topic asks for

	viewer     = guard(resale.Viewer) // staff of this role or a higher one
	agent      = guard(resale.Agent)
	supervisor = guard(resale.Supervisor)
	admin      = guard(resale.Admin)
)

// route is a line of the table. A GET changes nothing.
type route struct {
	method, path string
	guard        guard
	handle       fiber.Handler
}

// routes is every address of the portal; nothing else is registered. The first line that matches answers.
func (a *App) routes() []route {
	return []route{
		{get, "/login", anybody, a.signInForm},
		{post, "/login", anybody, a.signIn},
		{post, "/logout", anybody, a.signOut},
		{get, "/setup/:token", holder, a.setupForm},
		{post, "/setup/:token", holder, a.setup},

		{get, "/", viewer, a.home},
		{get, "/search", viewer, a.search},
		{post, "/opened", viewer, a.noteOpened},
		{post, "/dismiss", viewer, a.dismiss},
		{get, "/keys", viewer, a.showKeys},
		{post, "/keys", viewer, a.setKeys},
		{get, "/customers", viewer, a.listCustomers},
		{get, "/customers.csv", supervisor, a.exportCustomers},
		{post, "/customers", agent, a.addCustomer},
		{get, "/customers/:id", viewer, a.showCustomer},
		{get, "/customers/:id/edit", agent, a.editCustomerForm},
		{post, "/customers/:id/edit", agent, a.editCustomer},
		{post, "/customers/:id/notes", agent, a.addNote},
		{post, "/customers/:id/notes/:note/pin", agent, a.pinNote(true)},
		{post, "/customers/:id/notes/:note/unpin", agent, a.pinNote(false)},
		{post, "/customers/:id/notes/:note/withdraw", agent, a.changeNote(a.service.WithdrawNote)},
		{post, "/customers/:id/tags", agent, a.changeTags(a.service.AddTags)},
		{post, "/customers/:id/tags/remove", agent, a.changeTags(a.service.RemoveTag)},
		{get, "/customers/:id/identifier", agent, a.identifierForm},
		{post, "/customers/:id/identifier", agent, a.changeIdentifier},
		{get, "/customers/:id/suspend", agent, a.togetherForm(resale.KindSuspend)},
		{post, "/customers/:id/suspend", agent, a.together(resale.KindSuspend)},
		{get, "/customers/:id/resume", agent, a.togetherForm(resale.KindResume)},
		{post, "/customers/:id/resume", agent, a.together(resale.KindResume)},
		{get, "/customers/:id/together/:group", viewer, a.showGroup},
		{get, "/catalogue", viewer, a.showCatalogue},
		{post, "/catalogue/ability", admin, a.setAbility},
		{post, "/catalogue/merchants", admin, a.addMerchant},
		{post, "/catalogue/merchants/:id", admin, a.changeMerchant},
		{post, "/catalogue/merchants/:id/products", admin, a.addProduct},
		{get, "/catalogue/:id", viewer, a.showProduct},
		{post, "/catalogue/:id/name", admin, a.editProduct("name", a.renameProduct, "name")},
		{post, "/catalogue/:id/texts", admin, a.editProduct("texts", a.setTexts, textFields()...)},
		{post, "/catalogue/:id/data", admin, a.editProduct("data", a.setDefaultData, dataFields()...)},
		{post, "/catalogue/:id/retire", admin, a.editProduct("retire", a.retireProduct, "retired")},
		{post, "/catalogue/:id/offers", admin, a.editProduct("offers", a.addOffer, "offer_key", "offer_name")},
		{post, "/catalogue/:id/offers/:offer", admin, a.renameOffer},
		{get, "/plots", viewer, a.showPlots},
		{get, "/plots/list", viewer, a.listPlotted},
		{get, "/entitlements", viewer, a.listEntitlements},
		{get, "/entitlements.csv", supervisor, a.exportEntitlements},
		{post, "/views", agent, a.saveView},
		{post, "/views/:id/remove", agent, a.removeView},
		{post, "/me/columns", viewer, a.setColumns},
		{post, "/entitlements", agent, a.createEntitlement},
		{get, "/entitlements/new", agent, a.newEntitlement},
		{get, "/entitlements/:ref", viewer, a.showEntitlement},
		{get, "/entitlements/:ref/end", agent, a.endEntitlement},
		{get, "/entitlements/:ref/change", agent, a.changeEntitlement},
		{post, "/entitlements/:ref/update", agent, a.updateEntitlement},
		{post, "/entitlements/:ref/refresh", agent, a.act(resale.KindRefresh)},
		{post, "/entitlements/:ref/suspend", agent, a.act(resale.KindSuspend)},
		{post, "/entitlements/:ref/resume", agent, a.act(resale.KindResume)},
		{post, "/entitlements/:ref/cancel", agent, a.act(resale.KindCancel)},
		{post, "/entitlements/:ref/undo", agent, a.act(resale.KindUndo)},
		{post, "/entitlements/:ref/revoke", supervisor, a.act(resale.KindRevoke)},
		{post, "/entitlements/:ref/requests/:id/undo", supervisor, a.undoRequest},
		{post, "/entitlements/:ref/check", viewer, a.checkEntitlement},
		{get, "/entitlements/:ref/send", agent, a.showSend},
		{post, "/entitlements/:ref/send", agent, a.sendMessage},
		{get, "/messages", admin, a.showMessages},
		{post, "/messages", admin, a.saveMessage},
		{post, "/messages/reset", admin, a.resetMessage},
		{get, "/entitlements/:ref/evidence/:id", viewer, a.showEvidence},
		{post, "/entitlements/:ref/requests/:id/close", supervisor, a.closeRequest},
		{get, "/attention", viewer, a.listAttention},
		{get, "/attention/:id", viewer, a.showAttention},
		{post, "/attention/:id/take", agent, a.attend(a.takeAttention)},
		{post, "/attention/:id/release", agent, a.attend(a.releaseAttention)},
		{post, "/attention/:id/snooze", agent, a.attend(a.snoozeAttention)},
		{post, "/attention/:id/wake", agent, a.attend(a.wakeAttention)},
		{post, "/attention/:id/acknowledge", agent, a.attend(a.acknowledgeAttention)},
		{get, "/me", viewer, a.showMe},
		{post, "/me", viewer, a.setMe},
		{get, "/bulk", supervisor, a.listBulk},
		{post, "/bulk", supervisor, a.startBulk},
		{get, "/bulk/:id.csv", supervisor, a.bulkCSV},
		{get, "/bulk/:id", supervisor, a.showBulkJob},
		{post, "/bulk/:id/confirm", supervisor, a.confirmBulk},
		{post, "/bulk/:id/pause", supervisor, a.steerBulk(a.service.PauseBulk)},
		{post, "/bulk/:id/resume", supervisor, a.steerBulk(a.service.ResumeBulk)},
		{post, "/bulk/:id/cancel", supervisor, a.steerBulk(a.service.CancelBulk)},
		{get, "/notifications", viewer, a.listNotifications},
		{get, "/notifications/:id", viewer, a.showNotification},
		{post, "/notifications/:id/replay", agent, a.replayNotification},
		{get, "/reconciliation", viewer, a.showReconciliation},
		{post, "/reconciliation/run", agent, a.reconcile(a.service.Reconcile)},
		{post, "/reconciliation/take", supervisor, a.reconcile(a.service.TakeAllBangos)},
		{post, "/reconciliation/:id/take", supervisor, a.takeDifference},
		{post, "/reconciliation/repoint", admin, a.reconcile(a.service.Repoint)},

		{get, "/s/:token", holder, a.showSignup},
		{post, "/s/:token", holder, a.continueSignup},
		{post, webhookPath + ":token", bango, a.receiveNotification},
		{get, "/live", byTopic, a.live},

		{get, "/static/:name", anybody, a.static},
		{get, "/healthz", anybody, a.healthy},
		{get, "/readyz", anybody, a.isReady},
	}
}

// webhookPath and the entitlement's token are where Bango posts to.
const webhookPath = "/webhooks/bango/"

// serve is what happens around each handler of the table.
func (a *App) serve(r route) fiber.Handler {
	return func(c *fiber.Ctx) (err error) {
		c.Locals(keyRoute, r)
		ctx, cancel := context.WithTimeout(c.UserContext(), requestTime)
		defer cancel()
		c.SetUserContext(ctx)
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		if err := a.admit(c, r); err != nil {
			return err
		}
		if err = r.handle(c); err == nil {
			leadBack(c)
		}
		return err
	}
}

// admit returns nil where the guard lets the request in.
func (a *App) admit(c *fiber.Ctx, r route) error {
	if r.guard == bango {
		return a.admitCaller(c)
	}
	if err := a.foreign.Check(standardRequest(c)); err != nil {
		return &refusal{status: http.StatusForbidden,
			message: "This form was sent from another site, so nothing was done. If you meant it, open the page here and send it again."}
	}
	if err := r.tooLarge(len(c.Request().Body())); err != nil {
		return err
	}
	if r.guard == holder {
		return nil
	}
	if err := a.recogniseStaff(c); err != nil {
		return err
	}
	if r.guard == anybody || r.guard == byTopic {
		return nil
	}
	person := who(c)
	if person.ID == "" {
		return errSignedOut
	}
	if least := resale.Role(r.guard); !person.Role.AtLeast(least) {
		return &resale.Error{Code: resale.CodeForbidden,
			Message: fmt.Sprintf("Your role, %s, does not allow this. Ask someone who is %s or more.", person.Role, least)}
	}
	return nil
}
