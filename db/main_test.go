package db_test

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/db"
	"latchkey/db/dbtest"
	"latchkey/resale"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// desk is an open store with a customer and a product, and what it told.
type desk struct {
	testing.TB
	*db.Store
	database string
	log      *commits
	heard    chan resale.Change
	customer resale.Customer
	product  resale.Product
}

// each runs a test on a fresh store of each engine.
func each(t *testing.T, test func(d *desk)) {
	dbtest.Each(t, func(t *testing.T, database string) { test(newDesk(t, database)) })
}

func newDesk(t testing.TB, database string) *desk {
	t.Helper()
	d := openDesk(t, database)
	d.prepare()
	return d
}

// prepare stores the customer and the product.
func (d *desk) prepare() {
	d.Helper()
	d.customer = resale.Customer{ID: newID(), Identifier: "cust-1", Name: "Zoë Nkosi", Email: "zoe@example.com", Phone: "+27 82 555 0101", Created: at(1)}
	d.write(func(ctx context.Context, tx resale.Tx) error { return tx.InsertCustomer(ctx, d.customer) })
	d.write(func(ctx context.Context, tx resale.Tx) error {
		return tx.UpsertCatalogue(ctx, resale.CatalogueRow{MerchantKey: "BANGO", MerchantName: "Bango", ProductKey: "BangoMusic", ProductName: "Bango Music"})
	})
	products, err := d.Products(d.Context())
	if err != nil || len(products) != 1 {
		d.Fatalf("%v, %v", products, err)
	}
	d.product = products[0]
}

// openDesk opens a store on a database as one more process would.
func openDesk(t testing.TB, database string) *desk {
	t.Helper()
	d := &desk{TB: t, database: database, log: &commits{}, heard: make(chan resale.Change, 10_000)}
	store, err := db.Open(t.Context(), database, func(c resale.Change) {
		select {
		case d.heard <- c:
		default: // nobody listens in a benchmark
		}
	}, slog.New(d.log))
	if err != nil {
		t.Fatal(err)
	}
	d.Store = store
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

func (d *desk) write(f func(ctx context.Context, tx resale.Tx) error) {
	d.Helper()
	if err := d.Write(d.Context(), f); err != nil {
		d.Fatal(err)
	}
}

// hold keeps the writer busy until release, so that writes queue up behind.
func (d *desk) hold() (release func()) {
	d.Helper()
	held, free, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		err := d.Write(d.Context(), func(context.Context, resale.Tx) error {
			close(held)
			<-free
			return nil
		})
		if err != nil {
			d.Errorf("the holder: %v", err)
		}
	}()
	<-held
	return sync.OnceFunc(func() { close(free); <-ended })
}

// entitlement returns one that is not stored yet.
func (d *desk) entitlement(n int) resale.Entitlement {
	return resale.Entitlement{ID: newID(), Ref: fmt.Sprintf("REF-%d", n), CustomerID: d.customer.ID, ProductID: d.product.ID,
		CustomerIdentifier: "cust-1", MerchantKey: "BANGO", ProductKey: "BangoMusic", Status: resale.Requested,
		NotifyToken: newID(), SignupToken: newID(), FormToken: newID(), Created: at(n), Updated: at(n)}
}

// stored returns an entitlement that is stored.
func (d *desk) stored(n int) resale.Entitlement {
	d.Helper()
	e := d.entitlement(n)
	d.write(func(ctx context.Context, tx resale.Tx) error { return tx.InsertEntitlement(ctx, e) })
	return e
}

// commits counts what the store logs of its commits.
type commits struct {
	mu      sync.Mutex
	commits int
	writes  int64
}

func (c *commits) Enabled(context.Context, slog.Level) bool { return true }
func (c *commits) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c *commits) WithGroup(string) slog.Handler            { return c }
func (c *commits) Handle(_ context.Context, r slog.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.Attrs(func(a slog.Attr) bool {
		if r.Message == "committed" && a.Key == "writes" {
			c.commits++
			c.writes += a.Value.Int64()
		}
		return true
	})
	return nil
}

func (c *commits) count() (commits int, writes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.commits, c.writes
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// at is a time, n microseconds after some noon.
func at(n int) time.Time {
	return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Microsecond)
}

// fill sets every field of a struct to something that no other field has, so that one that is stored elsewhere, or nowhere, is seen.
func fill(of any, n *int) {
	v := reflect.ValueOf(of).Elem()
	for i := range v.NumField() {
		*n++
		switch f := v.Field(i).Addr().Interface().(type) {
		case *time.Time:
			*f = at(*n)
		case *[]byte:
			*f = []byte{0, byte(*n), 0xFF}
		case *bool:
			*f = true
		case *resale.Reason:
			*f = resale.Reason{Category: fmt.Sprint("category", *n), Code: fmt.Sprint("code", *n), Description: fmt.Sprint("é", *n)}
		case *resale.Actor:
			*f = resale.Actor{Kind: resale.ByStaff, ID: fmt.Sprint("id", *n), Name: fmt.Sprint("name", *n)}
		default:
			switch f := v.Field(i); f.Kind() {
			case reflect.String:
				f.SetString(fmt.Sprint("é", *n))
			case reflect.Int, reflect.Int64:
				f.SetInt(int64(*n) * 1000)
			}
		}
	}
}

// until polls a condition, for as long as ten seconds.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
