package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// maxCatalogueEvents is how many changes the page of a product shows.
const maxCatalogueEvents = 100

func (a *App) showCatalogue(c *fiber.Ctx) error {
	return a.catalogue(c, http.StatusOK, views.CatalogueForm{})
}

func (a *App) catalogue(c *fiber.Ctx, status int, form views.CatalogueForm) (err error) {
	ctx := c.UserContext()
	page := views.CataloguePage{Frame: a.frame(c), Set: c.Query("set"), Form: form}
	if page.Products, err = a.store.Products(ctx); err != nil {
		return err
	}
	if page.Merchants, err = a.store.Merchants(ctx); err != nil {
		return err
	}
	if page.Languages, err = a.store.TextLanguages(ctx); err != nil {
		return err
	}
	if page.Abilities, err = a.store.Abilities(ctx); err != nil {
		return err
	}
	return a.render(c, status, views.Catalogue(page))
}

// setAbility says whether a merchant can do something, or leaves it to the merchant's answers.
func (a *App) setAbility(c *fiber.Ctx) error {
	form := readForm(c)
	merchant, kind, setting := form.text("merchant"), form.text("kind"), form.text("setting")
	if form.err != nil {
		return form.err
	}
	err := a.service.SetAbility(c.UserContext(), resale.StaffActor(who(c)), merchant, resale.RequestKind(kind), resale.AbilitySetting(setting))
	if err != nil {
		return err
	}
	return seeOther(c, "/catalogue#"+url.PathEscape(views.MerchantAnchor(merchant)))
}

// values returns the fields of a form by their names.
func (f *form) values(names ...string) map[string]string {
	in := map[string]string{}
	for _, name := range names {
		one := form{args: f.args} // a fault in one costs no other
		if strings.HasPrefix(name, "help_") || name == "link_hosts" {
			in[name] = one.lines(name)
		} else {
			in[name] = one.text(name)
		}
		if f.err == nil {
			f.err = one.err
		}
	}
	return in
}

// version returns which version of a thing the form was made for.
func (f *form) version() int64 {
	n, err := strconv.ParseInt(f.text("version"), 10, 64)
	if err != nil && f.err == nil {
		f.err = resale.Invalid("version", "The form is not one of ours. Open the page again and send it once more.")
	}
	return n
}

// editCatalogue does what a form of the catalogue asks for; where it is not accepted, the page shows why, with what was typed.
func (a *App) editCatalogue(c *fiber.Ctx, form views.CatalogueForm, err error, to string) error {
	if form.Fault = faultOf(err); form.Fault != nil {
		return a.catalogue(c, statusOf[form.Fault.Code], form)
	}
	if err != nil {
		return err
	}
	return seeOther(c, to)
}

func (a *App) addMerchant(c *fiber.Ctx) error {
	form := readForm(c)
	in, err := form.values("merchant_key", "name"), form.err
	to := ""
	if err == nil {
		var m resale.Merchant
		m, err = a.service.AddMerchant(c.UserContext(), resale.StaffActor(who(c)), in["merchant_key"], in["name"])
		to = "/catalogue#merchant-" + m.ID
	}
	return a.editCatalogue(c, views.CatalogueForm{Name: "merchant-add", Values: in}, err, to)
}

func (a *App) changeMerchant(c *fiber.Ctx) error {
	id, err := pathID(c, "merchant")
	if err != nil {
		return err
	}
	form := readForm(c)
	in, version := form.values("name", "link_hosts"), form.version()
	if err = form.err; err == nil {
		err = a.service.ChangeMerchant(c.UserContext(), resale.StaffActor(who(c)), id, version, in["name"], in["link_hosts"])
	}
	return a.editCatalogue(c, views.CatalogueForm{Name: "merchant-" + id, Values: in}, err, "/catalogue#merchant-"+id)
}

func (a *App) addProduct(c *fiber.Ctx) error {
	id, err := pathID(c, "merchant")
	if err != nil {
		return err
	}
	form := readForm(c)
	in, to := form.values("product_key", "name"), ""
	if err = form.err; err == nil {
		var p resale.Product
		p, err = a.service.AddProduct(c.UserContext(), resale.StaffActor(who(c)), id, in["product_key"], in["name"])
		to = "/catalogue/" + p.ID
	}
	return a.editCatalogue(c, views.CatalogueForm{Name: "add-" + id, Values: in}, err, to)
}

func (a *App) showProduct(c *fiber.Ctx) error {
	id, err := pathID(c, "product")
	if err != nil {
		return err
	}
	return a.product(c, id, http.StatusOK, views.CatalogueForm{})
}

func (a *App) product(c *fiber.Ctx, id string, status int, form views.CatalogueForm) (err error) {
	ctx := c.UserContext()
	page := views.ProductPage{Frame: a.frame(c), Form: form}
	if page.Product, err = a.store.Product(ctx, id); err != nil {
		return err
	}
	if page.Texts, err = a.store.ProductText(ctx, id); err != nil {
		return err
	}
	if page.Events, err = a.store.CatalogueEvents(ctx, page.Product.Merchant.ID, id, maxCatalogueEvents); err != nil {
		return err
	}
	return a.render(c, status, views.Product(page))
}

// productEdit changes the product with that id, of which a version was seen, as the fields say.
type productEdit func(ctx context.Context, by resale.Actor, id string, version int64, in map[string]string) error

// editProduct answers one of the forms of a product's page.
func (a *App) editProduct(name string, edit productEdit, fields ...string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		id, err := pathID(c, "product")
		if err != nil {
			return err
		}
		form := readForm(c)
		version := form.version()
		in := form.values(fields...)
		if err = form.err; err == nil {
			err = edit(c.UserContext(), resale.StaffActor(who(c)), id, version, in)
		}
		if fault := faultOf(err); fault != nil {
			return a.product(c, id, statusOf[fault.Code], views.CatalogueForm{Name: name, Values: in, Fault: fault})
		}
		if err != nil {
			return err
		}
		return seeOther(c, "/catalogue/"+id+"#"+name)
	}
}

func (a *App) renameProduct(ctx context.Context, by resale.Actor, id string, version int64, in map[string]string) error {
	return a.service.RenameProduct(ctx, by, id, version, in["name"])
}

func textFields() (names []string) {
	for _, l := range resale.TextLanguages {
		names = append(names, "name_"+l, "help_"+l)
	}
	return names
}

func (a *App) setTexts(ctx context.Context, by resale.Actor, id string, version int64, in map[string]string) error {
	var texts []resale.ProductText
	for _, l := range resale.TextLanguages {
		texts = append(texts, resale.ProductText{Language: l, Name: in["name_"+l], Help: in["help_"+l]})
	}
	return a.service.SetProductTexts(ctx, by, id, version, texts)
}

func dataFields() (names []string) {
	for i := range resale.MaxDefaultRows {
		name, value := views.DataFields(i)
		names = append(names, name, value)
	}
	return names
}

func (a *App) setDefaultData(ctx context.Context, by resale.Actor, id string, version int64, in map[string]string) error {
	rows := make([][2]string, resale.MaxDefaultRows)
	for i := range rows {
		name, value := views.DataFields(i)
		rows[i] = [2]string{in[name], in[value]}
	}
	data, err := resale.CustomRows(rows)
	if err != nil {
		return err
	}
	return a.service.SetDefaultData(ctx, by, id, version, data)
}

func (a *App) retireProduct(ctx context.Context, by resale.Actor, id string, version int64, in map[string]string) error {
	if in["retired"] != "yes" && in["retired"] != "no" {
		return resale.Invalid("retired", "The form is not one of ours. Open the page again and send it once more.")
	}
	return a.service.Retire(ctx, by, id, version, in["retired"] == "yes")
}

func (a *App) addOffer(ctx context.Context, by resale.Actor, id string, version int64, in map[string]string) error {
	return a.service.AddOffer(ctx, by, id, version, in["offer_key"], in["offer_name"])
}

func (a *App) renameOffer(c *fiber.Ctx) error {
	offer := c.Params("offer")
	if !isID(offer) {
		return resale.NotFound("offer")
	}
	return a.editProduct("offer-"+offer, func(ctx context.Context, by resale.Actor, id string, version int64, in map[string]string) error {
		return a.service.RenameOffer(ctx, by, id, version, offer, in["offer_name"])
	}, "offer_name")(c)
}
