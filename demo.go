package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/bango"
	"latchkey/bango/sandbox"
	"latchkey/resale"
	"latchkey/views"
)

// demoPassword opens every sample account. The demo serves this machine alone and holds nothing real.
const demoPassword = "latchkey-demo-only"

// demoStaff are the sample accounts, one for each role.
var demoStaff = []resale.Staff{
	{Email: "ana@demo.example", Name: "Ana", Role: resale.Agent},
	{Email: "victor@demo.example", Name: "Victor", Role: resale.Viewer},
	{Email: "sofia@demo.example", Name: "Sofia", Role: resale.Supervisor},
	{Email: "adam@demo.example", Name: "Adam", Role: resale.Admin},
}

// demoReseller is what end users read on the signup page.
const demoReseller = "Harbour Mobile"

// demoLogo is a harbour's wave and its light, in colours that are seen on light and on dark paper.
const demoLogo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" rx="12" fill="#1f5fbf"/>` +
	`<path d="M8 32q5-5 10.700 0t10.700 0t10.600 0M8 39q5-5 10.700 0t10.700 0t10.600 0" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/>` +
	`<path d="M24 7l5 18H19z" fill="#fff"/></svg>`

func demoBrand() views.Brand {
	brand, err := views.NewBrand(demoReseller, []byte(demoLogo), "#1f5fbf", "+44 808 157 0192")
	if err != nil {
		panic(err) // they are ours
	}
	return brand
}

// demoWire names the sandbox's list of eligible products, whose path is the account's own.
var demoWire = bango.Wire{Generation: 1, ProductsPath: "/products/" + sandboxUsername}

type demoCmd struct {
	Listen        string `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address of the portal, on this machine. If the default is taken, another port is used."`
	SandboxListen string `default:"127.0.0.1:8090" placeholder:"HOST:PORT" help:"Address of the Bango sandbox, likewise."`
	Keep          bool   `help:"Leave the database behind when the demo stops, and say where it is."`
	Verbose       bool   `help:"Log each request."`
}

func (c *demoCmd) Run(ctx context.Context, s streams) (err error) {
	portalListener, err := demoListen(c.Listen, "127.0.0.1:8080", "--listen")
	if err != nil {
		return err
	}
	defer portalListener.Close()
	sandboxListener, err := demoListen(c.SandboxListen, "127.0.0.1:8090", "--sandbox-listen")
	if err != nil {
		return err
	}
	defer sandboxListener.Close()

	folder, err := os.MkdirTemp("", "latchkey-demo-")
	if err != nil {
		return fmt.Errorf("the demo needs a folder for its database: %w", err)
	}
	if c.Keep {
		defer func() { fmt.Fprintf(s.out, "The database is kept in %s\n", filepath.Join(folder, "latchkey.db")) }()
	} else {
		defer os.RemoveAll(folder)
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelInfo
	}
	log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))

	box, err := newSandbox("http://"+sandboxListener.Addr().String(), 0, log.With("of", "sandbox"))
	if err != nil {
		return err
	}
	defer box.Close()
	set := settings{
		database: filepath.Join(folder, "latchkey.db"), publicURL: "http://" + portalListener.Addr().String(),
		bangoURL: "http://" + sandboxListener.Addr().String() + "/v1", bangoUsername: sandboxUsername, bangoPassword: sandboxPassword,
		bangoTimeout: 10 * time.Second, webhookKeys: []string{sandboxWebhookKey}, links: resale.LinkRules{AllowLoopback: true},
		brand: demoBrand(), bangoWire: demoWire, reconcileEvery: time.Minute,
	}
	p, err := openPortal(ctx, set, log, seams{sandboxed: true})
	if err != nil {
		return err
	}
	defer p.close()
	if err := sampleData(ctx, p.service); err != nil {
		return fmt.Errorf("sample data: %w", err)
	}
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error { return serveSandbox(ctx, box, sandboxListener) })
	running.Go(func() error { return p.serve(ctx, portalListener) })
	if err := sampleEntitlements(ctx, p.service, p.store, box); err != nil && ctx.Err() == nil {
		log.Warn("the sample entitlements are not complete", "err", err)
	}
	fmt.Fprintf(s.out, demoWelcome, set.publicURL, demoStaff[0].Email, demoPassword, "http://"+sandboxListener.Addr().String())
	return running.Wait()
}

const demoWelcome = `
Latchkey is ready: %[1]s
Sign in as:        %[2]s   password: %[3]s
                   (also victor, sofia and adam, who are viewer, supervisor and admin)
Bango sandbox:     %[4]s
What can go wrong: %[4]s/control

Three things to try:
 1. Find "zoe", press n, choose Bango Music and send. Open the signup link in another window, go on and sign up at the merchant:
    the first window turns ACTIVE by itself.
 2. Give somebody a Cloudpantry, which is ACTIVE at once, or a Courier, which its merchant refuses: Bango's words say why.
 3. Ask for a second Bango Music for the same customer and say that you mean it, or decline at the merchant, and read the timeline.

Everything is on this machine and nothing is real. Ctrl+C stops it and leaves nothing behind.
`

// demoListen takes an address on this machine. Where the usual one is taken by another program, any free port does.
func demoListen(address, usual, flag string) (*listener, error) {
	if host, _, err := net.SplitHostPort(address); err != nil || !resale.IsLoopback(host) {
		return nil, fmt.Errorf("%s is %q; the demo serves this machine alone, so expected something like 127.0.0.1:8080", flag, address)
	}
	l, err := listen(address, flag)
	if err != nil && address == usual {
		return listen("127.0.0.1:0", flag)
	}
	return l, err
}

// sampleData makes the staff, the catalogue of the sandbox's merchants, and the customers.
func sampleData(ctx context.Context, service *resale.Service) error {
	adding, ctx := errgroup.WithContext(ctx)
	for _, person := range demoStaff {
		adding.Go(func() error {
			_, _, err := service.AddStaff(ctx, person.Email, person.Name, person.Role, demoPassword)
			return err
		})
	}
	adding.Go(func() error {
		_, err := service.ImportCatalogue(ctx, csvFile(sampleCatalogue()))
		return err
	})
	adding.Go(func() error {
		_, _, err := service.ImportCustomers(ctx, csvFile(sampleCustomers()))
		return err
	})
	return adding.Wait()
}

func csvFile(rows [][]string) *bytes.Buffer {
	var b bytes.Buffer
	csv.NewWriter(&b).WriteAll(rows) // a buffer takes everything
	return &b
}

// offerNames are what the sandbox's offers are called for people.
var offerNames = map[string]string{
	"TestOffer": "the test offer", "ThreeMonthsFree": "three months free", "HalfPriceYear": "half the price for a year",
	"FirstBookFree": "the first book free", "FirstMonthFree": "the first month free",
}

func sampleCatalogue() [][]string {
	rows := [][]string{{"merchantAccountKey", "merchantName", "productKey", "productName", "offerKey", "offerName"}}
	for _, m := range sandbox.DefaultMerchants() {
		for _, p := range m.Products {
			rows = append(rows, []string{m.Key, m.Name, p.Key, p.Name, "", ""})
			for _, offer := range p.Offers {
				rows = append(rows, []string{m.Key, m.Name, p.Key, p.Name, offer, offerNames[offer]})
			}
		}
	}
	return rows
}

var (
	sampleGiven = []string{"Zoë", "Ibrahim", "Wei", "Amélie", "Chidi", "Søren", "María", "Priya", "Łukasz", "Noor", "Oisín", "Yuki"}
	sampleLast  = []string{"Example", "Adeyemi", "Bergström", "Castañeda", "Dąbrowski", "Fernández", "García", "Haddad", "Ivanova", "Müller"}
)

// sampleCustomers are 120 made-up people. Their numbers are from the ranges that are set aside for fiction, their addresses from a
// domain that is nobody's.
func sampleCustomers() [][]string {
	rows := [][]string{{"customerIdentifier", "name", "email", "phone"}}
	for i := range len(sampleGiven) * len(sampleLast) {
		name := sampleGiven[i%len(sampleGiven)] + " " + sampleLast[(i/len(sampleGiven)+i)%len(sampleLast)]
		rows = append(rows, []string{fmt.Sprintf("cust-%04d", i+1), name, fmt.Sprintf("customer%d@demo.example", i+1),
			fmt.Sprintf("+44 7700 900%03d", i+1)})
	}
	return rows
}

// sampleEntitlements asks the sandbox for a few entitlements in the ordinary way, so that lists and timelines have something to show.
// The first customer, whom the welcome names, has none.
func sampleEntitlements(ctx context.Context, service *resale.Service, store resale.Reader, box *sandbox.Sandbox) error {
	products, err := store.Products(ctx)
	if err != nil {
		return err
	}
	ana, err := store.StaffByEmail(ctx, demoStaff[0].Email)
	if err != nil {
		return err
	}
	for i := range 2 * len(products) {
		customer, err := store.CustomerByIdentifier(ctx, fmt.Sprintf("cust-%04d", i+20))
		if err != nil {
			return err
		}
		e, err := service.CreateEntitlement(ctx, resale.StaffActor(ana), resale.NewEntitlement{CustomerID: customer.ID,
			ProductID: products[i%len(products)].ID, FormToken: resale.NewFormToken()})
		if err != nil {
			return err
		}
		if e, err = service.Await(ctx, e.ID, 5*time.Second); err != nil {
			return err
		}
		if e.Status == resale.Pending && i%3 > 0 {
			choice := sandbox.Finish
			if i%5 == 0 {
				choice = sandbox.Decline
			}
			if err := box.Complete(e.BangoID, choice); err != nil {
				return err
			}
		}
	}
	return nil
}
