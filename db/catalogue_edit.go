package db

import (
	"context"

	"latchkey/db/queries"
	"latchkey/resale"
)

func (r reader) Merchants(ctx context.Context) ([]resale.Merchant, error) {
	return many(ctx, r, "merchants", func(ctx context.Context, _ struct{}) ([]queries.Merchant, error) { return r.q.Merchants(ctx) }, struct{}{}, merchant)
}

func (r reader) Merchant(ctx context.Context, id string) (resale.Merchant, error) {
	return one(ctx, r, "merchant", r.q.Merchant, id, merchant)
}

func (r reader) MerchantByKey(ctx context.Context, key string) (resale.Merchant, error) {
	return one(ctx, r, "merchant", r.q.MerchantByKey, key, merchant)
}

func (r reader) ProductText(ctx context.Context, productID string) (map[string]resale.ProductText, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	rows, err := r.q.ProductTexts(ctx, productID)
	if err != nil {
		return nil, r.fault("texts", err)
	}
	texts := make(map[string]resale.ProductText, len(rows))
	for _, t := range rows {
		texts[t.Language] = resale.ProductText{Language: t.Language, Name: t.Name, Help: t.Help}
	}
	return texts, nil
}

func (r reader) TextLanguages(ctx context.Context) (map[string][]string, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	rows, err := r.q.TextLanguages(ctx)
	if err != nil {
		return nil, r.fault("texts", err)
	}
	languages := map[string][]string{}
	for _, row := range rows {
		languages[row.ProductID] = append(languages[row.ProductID], row.Language)
	}
	return languages, nil
}

func (r reader) CatalogueEvents(ctx context.Context, merchantID, productID string, limit int) ([]resale.Event, error) {
	return many(ctx, r, "events", r.q.CatalogueEvents, queries.CatalogueEventsParams{MerchantID: merchantID, ProductID: productID, Limit: atMost(limit)},
		func(e queries.CatalogueEvent) resale.Event {
			return resale.Event{ID: e.ID, At: instant(e.At), Kind: resale.EventCatalogue, Text: e.Text,
				Actor: resale.Actor{Kind: resale.ActorKind(e.ActorKind), ID: e.ActorID, Name: e.ActorName}}
		})
}

func (t *tx) InsertMerchant(ctx context.Context, m resale.Merchant) error {
	err := t.q.InsertMerchant(ctx, queries.InsertMerchantParams{ID: m.ID, AccountKey: m.Key, Name: m.Name})
	return t.clash("merchant", err, map[string]*resale.Error{
		"account_key": resale.Conflict("merchant_key", "There is a merchant with the key %q already.", m.Key)})
}

func (t *tx) UpdateMerchant(ctx context.Context, m resale.Merchant) (bool, error) {
	n, err := t.q.UpdateMerchant(ctx, queries.UpdateMerchantParams{ID: m.ID, Version: m.Version, Name: m.Name, LinkHosts: m.LinkHosts})
	return n == 1, t.fault("merchant", err)
}

func (t *tx) InsertProduct(ctx context.Context, p resale.Product) error {
	err := t.q.InsertProduct(ctx, queries.InsertProductParams{ID: p.ID, MerchantID: p.Merchant.ID, ProductKey: p.Key, Name: p.Name})
	conflict := resale.Conflict("product_key", "%s has a product with the key %q already.", p.Merchant.Name, p.Key)
	return t.clash("product", err, map[string]*resale.Error{"merchant_id": conflict, "merchant_id_product_key": conflict})
}

func (t *tx) UpdateProduct(ctx context.Context, p resale.Product) (bool, error) {
	n, err := t.q.UpdateProduct(ctx, queries.UpdateProductParams{ID: p.ID, Version: p.Version, Name: p.Name, DefaultData: p.DefaultData,
		Retired: micros(p.Retired)})
	return n == 1, t.fault("product", err)
}

func (t *tx) InsertOffer(ctx context.Context, productID string, o resale.Offer) error {
	err := t.q.InsertOffer(ctx, queries.InsertOfferParams{ID: o.ID, ProductID: productID, OfferKey: o.Key, Name: o.Name})
	conflict := resale.Conflict("offer_key", "The product has an offer with the key %q already.", o.Key)
	return t.clash("offer", err, map[string]*resale.Error{"product_id": conflict, "product_id_offer_key": conflict})
}

func (t *tx) RenameOffer(ctx context.Context, o resale.Offer) error {
	return t.fault("offer", t.q.RenameOffer(ctx, queries.RenameOfferParams{ID: o.ID, Name: o.Name}))
}

func (t *tx) SetProductText(ctx context.Context, productID string, text resale.ProductText) error {
	if text.Name == "" && text.Help == "" {
		return t.fault("text", t.q.DeleteProductText(ctx, queries.DeleteProductTextParams{ProductID: productID, Language: text.Language}))
	}
	return t.fault("text", t.q.SetProductText(ctx, queries.SetProductTextParams{ProductID: productID, Language: text.Language, Name: text.Name, Help: text.Help}))
}

func (t *tx) AddCatalogueEvent(ctx context.Context, merchantID, productID string, e resale.Event) error {
	err := t.q.InsertCatalogueEvent(ctx, queries.InsertCatalogueEventParams{ID: e.ID, MerchantID: merchantID, ProductID: productID, At: micros(e.At),
		ActorKind: string(e.Actor.Kind), ActorID: e.Actor.ID, ActorName: e.Actor.Name, Text: e.Text})
	return t.fault("event", err)
}

func merchant(m queries.Merchant) resale.Merchant {
	return resale.Merchant{ID: m.ID, Key: m.AccountKey, Name: m.Name, LinkHosts: m.LinkHosts, Version: m.Version}
}
