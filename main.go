// Latchkey is a self-hosted portal for companies that resell other companies' subscriptions through the Bango Resale API.
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"latchkey/bango"
	"latchkey/db"
	"latchkey/handlers"
	"latchkey/resale"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(command(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// cli is the command line; each command is a field whose type has a Run method.
type cli struct {
	Serve   serveCmd   `cmd:"" default:"withargs" help:"Run the portal."`
	Demo    demoCmd    `cmd:"" help:"Run the portal with a Bango sandbox and sample data, everything on this machine, nothing to set up."`
	Sandbox sandboxCmd `cmd:"" help:"Run the Bango sandbox alone."`
	Staff   staffCmd   `cmd:"" help:"Manage the people who sign in."`
	Import  importCmd  `cmd:"" help:"Take over customers or a catalogue from a CSV file."`
	Certify certifyCmd `cmd:"" help:"Run the certification cases against the configured Bango, and keep the evidence."`
	Doctor  doctorCmd  `cmd:"" help:"Check settings, database, Bango, clock and the notification address; a line each."`
	Migrate migrateCmd `cmd:"" help:"Bring the database schema to the newest; serve and demo do it by themselves."`
}

// command runs one command line and returns its exit code: 0, 1 for a failure, 2 for wrong usage. A failure is one line on s.err.
func command(ctx context.Context, args []string, s streams) (exit int) {
	fail := func(code int, err error) int {
		fmt.Fprintf(s.err, "latchkey: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
		return code
	}
	ended := -1
	parser, err := kong.New(&cli{}, kong.Name("latchkey"), kong.Writers(s.out, s.err), kong.Exit(func(code int) { ended = code }),
		kong.Description("A portal for reselling subscriptions through the Bango Resale API. `latchkey demo` shows it at work."),
		kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(s))
	if err != nil {
		return fail(1, err)
	}
	parsed, err := parser.Parse(args)
	switch {
	case ended >= 0: // --help was printed
		return ended
	case err != nil:
		return fail(2, fmt.Errorf("%w; see latchkey --help", err))
	}
	if err := checkEnvironment(os.Environ()); err != nil {
		return fail(1, err)
	}
	if err := parsed.Run(); err != nil {
		return fail(1, err)
	}
	return 0
}

type serveCmd struct{ portalFlags }

func (c *serveCmd) Run(ctx context.Context, s streams) error {
	set, err := c.settings()
	if err != nil {
		return err
	}
	listener, err := listen(set.listen, "LATCHKEY_LISTEN")
	if err != nil {
		return err
	}
	defer listener.Close()
	log := slog.New(slog.NewTextHandler(s.err, nil))
	p, err := openPortal(ctx, set, log, seams{})
	if err != nil {
		return err
	}
	defer p.close()
	log.Info("Latchkey is ready", "address", set.publicURL, "listen", listener.Addr().String())
	return p.serve(ctx, listener)
}

// portal is everything that runs in one process.
type portal struct {
	store      *db.Store
	hub        *resale.Hub
	service    *resale.Service
	sender     *resale.Sender
	reconciler *resale.Reconciler
	bulk       *resale.BulkRunner
	postman    *resale.Postman // nil where no mail server is configured
	app        *handlers.App
	log        *slog.Logger
}

// seams are where a test takes hold of a portal: to kill the process at a chosen point. The zero value changes nothing.
type seams struct {
	transport http.RoundTripper                             // under the Bango client
	store     func(resale.Store) resale.Store               // around the storage
	publish   func(func(resale.Change)) func(resale.Change) // around the announcement of changes
	sandboxed bool                                          // the pages say that nothing is real
}

// openPortal opens the database, which it brings to the newest schema, and puts the parts together. Nothing runs before serve.
func openPortal(ctx context.Context, set settings, log *slog.Logger, with seams) (_ *portal, err error) {
	hub := resale.NewHub()
	publish := hub.Publish
	if with.publish != nil {
		publish = with.publish(publish)
	}
	store, err := openStore(ctx, set.database, publish, log)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			store.Close()
		}
	}()
	var kept resale.Store = store
	if with.store != nil {
		kept = with.store(kept)
	}
	bangoConfig := set.bango()
	bangoConfig.Transport = with.transport
	client, err := bango.New(bangoConfig)
	if err != nil {
		return nil, fmt.Errorf("LATCHKEY_BANGO_URL: %w", err)
	}
	upstream := resale.NewUpstream(client, set.bangoWire.Generation)
	service := resale.NewService(resale.ServiceConfig{Store: kept, Hub: hub, Upstream: upstream, PublicURL: set.publicURL, Links: set.links,
		Generation: set.bangoWire.Generation, OwnIDs: set.ownIDs, DirectWords: set.directWords, Reseller: set.brand.Name,
		Emails: set.mail != nil, Log: log})
	key, err := service.SessionKey(ctx, set.sessionKey)
	if err != nil {
		return nil, err
	}
	instance, err := service.InstanceKey(ctx)
	if err != nil {
		return nil, err
	}
	config := set.webhook()
	config.Service, config.Store, config.Hub, config.PublicURL, config.SessionKey, config.InstanceKey = service, kept, hub, set.publicURL, key, instance
	config.Brand, config.Sandbox, config.Log, config.Ready = set.brand, with.sandboxed, log, store.Ping
	var postman *resale.Postman
	if set.mail != nil {
		postman = resale.NewPostman(service, set.mail)
	}
	return &portal{store: store, postman: postman, hub: hub, service: service, app: handlers.New(config), log: log,
		sender:     resale.NewSender(service, upstream, senderWorkers, set.bangoTimeout),
		reconciler: resale.NewReconciler(service, set.reconcileEvery),
		bulk:       resale.NewBulkRunner(service, cmp.Or(set.bulkPerMinute, resale.DefaultBulkPerMinute))}, nil
}

// senderWorkers is how many requests are with Bango at once.
const senderWorkers = 8

// openStore opens the database at its newest schema.
func openStore(ctx context.Context, database string, publish func(resale.Change), log *slog.Logger) (*db.Store, error) {
	if err := db.Migrate(ctx, database); err != nil {
		return nil, err
	}
	return db.Open(ctx, database, publish, log)
}

func (p *portal) close() { p.store.Close() }

// shutdownTime is how long pages and notifications that are under way may take after the portal was told to stop.
const shutdownTime = 4 * time.Second

// serve answers on the listener and sends requests to Bango until ctx is done, then ends what is under way.
func (p *portal) serve(ctx context.Context, listener *listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- p.app.Listener(listener) }()
	var background sync.WaitGroup
	background.Go(func() { p.sender.Run(ctx) })
	background.Go(func() { p.reconciler.Run(ctx) })
	background.Go(func() { p.bulk.Run(ctx) })
	if p.postman != nil {
		background.Go(func() { p.postman.Run(ctx) })
	}

	var failed error
	select {
	case <-ctx.Done():
	case failed = <-served:
		stop()
	}
	listener.dropSilent()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	err := p.app.Shutdown(ending)
	if errors.Is(err, context.DeadlineExceeded) {
		p.log.Warn("some requests took too long and were cut off")
		err = nil
	}
	background.Wait()
	if failed != nil {
		return fmt.Errorf("serve: %w", failed)
	}
	return err
}

// operate runs f with a service on the database, for the commands of an operator.
func operate(ctx context.Context, database, publicURL string, s streams, f func(*resale.Service) error) error {
	log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	hub := resale.NewHub()
	store, err := openStore(ctx, database, hub.Publish, log)
	if err != nil {
		return err
	}
	defer store.Close()
	return f(resale.NewService(resale.ServiceConfig{Store: store, Hub: hub, PublicURL: publicURL, Log: log}))
}

type staffCmd struct {
	Add staffAddCmd `cmd:"" help:"Add a person. The password is read from standard input; without one, a one-time set-up link is printed."`
}

type staffAddCmd struct {
	storeFlags
	addressFlags
	Email string `arg:"" help:"What the person signs in with."`
	Role  string `required:"" placeholder:"ROLE" help:"viewer, agent, supervisor or admin."`
	Name  string `placeholder:"NAME" help:"What colleagues see. Default: the part of the e-mail address before the @."`
}

func (c *staffAddCmd) Run(ctx context.Context, s streams) error {
	password, err := readPassword(s.in)
	if err != nil {
		return err
	}
	publicURL, err := c.publicURL()
	if err != nil {
		return err
	}
	return operate(ctx, c.Database, publicURL, s, func(service *resale.Service) error {
		person, token, err := service.AddStaff(ctx, c.Email, c.Name, resale.Role(c.Role), password)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s can sign in as %s.\n", person.Email, person.Role)
		if token != "" {
			fmt.Fprintf(s.out, "First, within a day and once, this link sets the password:\n%s\n", service.SetupLinkFor(token))
		}
		return nil
	})
}

// readPassword returns the first line of standard input, or "" where a person sits at it, who would type it in the open.
func readPassword(in io.Reader) (string, error) {
	if file, ok := in.(*os.File); ok {
		if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice != 0 {
			return "", nil
		}
	}
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("the password cannot be read: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

type importCmd struct {
	Customers importCustomersCmd `cmd:"" help:"Header: customerIdentifier,name,email,phone. Adds or updates; the whole file or nothing."`
	Reports   importReportsCmd   `cmd:"" help:"Bango's own report files: compares them with what is here, and adopts what is missing with --adopt."`
	Catalogue importCatalogueCmd `cmd:"" help:"Header: merchantAccountKey,merchantName,productKey,productName,offerKey,offerName. Adds or renames; the whole file or nothing."`
}

// importTime is how long one file may take to store.
const importTime = 10 * time.Minute

type importCustomersCmd struct {
	storeFlags
	File string `arg:"" placeholder:"FILE.csv"`
}

func (c *importCustomersCmd) Run(ctx context.Context, s streams) error {
	return importFile(ctx, c.File, c.Database, s, func(ctx context.Context, service *resale.Service, file io.Reader) error {
		added, changed, err := service.ImportCustomers(ctx, file)
		if err == nil {
			fmt.Fprintf(s.out, "Customers: %d added, %d changed.\n", added, changed)
		}
		return err
	})
}

type importCatalogueCmd struct {
	storeFlags
	File string `arg:"" placeholder:"FILE.csv"`
}

func (c *importCatalogueCmd) Run(ctx context.Context, s streams) error {
	return importFile(ctx, c.File, c.Database, s, func(ctx context.Context, service *resale.Service, file io.Reader) error {
		rows, err := service.ImportCatalogue(ctx, file)
		if err == nil {
			fmt.Fprintf(s.out, "Catalogue lines: %d taken over.\n", rows)
		}
		return err
	})
}

func importFile(ctx context.Context, name, database string, s streams, take func(context.Context, *resale.Service, io.Reader) error) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("the file cannot be read: %w", err)
	}
	defer file.Close()
	ctx, cancel := context.WithTimeout(ctx, importTime)
	defer cancel()
	return operate(ctx, database, "", s, func(service *resale.Service) error {
		if err := take(ctx, service, file); err != nil {
			return fmt.Errorf("nothing of %s was imported. %w", name, err)
		}
		return nil
	})
}

type migrateCmd struct{ storeFlags }

func (c *migrateCmd) Run(ctx context.Context, s streams) error {
	if err := db.Migrate(ctx, c.Database); err != nil {
		return err
	}
	fmt.Fprintln(s.out, "The database has the newest schema.")
	return nil
}
