package resale_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/db"
	"latchkey/resale"
)

var admin = resale.StaffActor(resale.Staff{ID: "s-4", Name: "Ada", Role: resale.Admin})

// put stores entitlements of Zoë's, as they would be after a life of their own. set completes the i-th one.
func (d *desk) put(n int, set func(i int, e *resale.Entitlement)) []resale.Entitlement {
	d.Helper()
	put := make([]resale.Entitlement, n)
	err := d.store.Write(d.ctx, func(ctx context.Context, tx resale.Tx) error {
		for i := range put {
			now := d.clock.now()
			e := resale.Entitlement{ID: fmt.Sprintf("e-%d-%d", now.UnixMicro(), i), Ref: fmt.Sprintf("R-%d-%d", now.UnixMicro(), i),
				CustomerID: d.zoe.ID, ProductID: d.product.ID, CustomerIdentifier: "cust-1", MerchantKey: "BANGO", ProductKey: "BangoMusic",
				NotifyToken: resale.NewFormToken(), SignupToken: resale.NewFormToken(), FormToken: resale.NewFormToken(),
				NotifyBase: "https://portal.example", Created: now, Updated: now}
			set(i, &e)
			if e.BangoStatus == "" && e.Status.IsBangos() {
				e.BangoStatus = string(e.Status)
			}
			if err := tx.InsertEntitlement(ctx, e); err != nil {
				return err
			}
			put[i] = e
		}
		return nil
	})
	if err != nil {
		d.Fatal(err)
	}
	return put
}

// checks returns the checks of an entitlement that have not been made yet.
func (d *desk) checks(e resale.Entitlement) (open []resale.Request) {
	d.Helper()
	requests, err := d.store.RequestsOf(d.ctx, e.ID, 100)
	if err != nil {
		d.Fatal(err)
	}
	for _, r := range requests {
		if r.Kind == resale.KindCheck && r.State.Open() {
			open = append(open, r)
		}
	}
	return open
}

// work takes steps until no job has one to take.
func (d *desk) work(r *resale.Reconciler) {
	d.Helper()
	for range 1000 {
		more, err := r.Step(d.ctx)
		if err != nil {
			d.Fatal(err)
		}
		if !more {
			return
		}
	}
	d.Fatal("the jobs come to no end")
}

func (d *desk) job(name resale.JobName) resale.Job {
	d.Helper()
	j, err := d.store.Job(d.ctx, name)
	if err != nil {
		d.Fatal(err)
	}
	return j
}

func TestOpenQuestions(t *testing.T) {
	const quarter = 15 * time.Minute
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	cases := map[string]struct {
		set  func(e *resale.Entitlement)
		open bool
	}{
		"unknown":                     {func(e *resale.Entitlement) { e.Status = resale.Unknown }, true},
		"failed":                      {func(e *resale.Entitlement) { e.Status = resale.Failed }, true},
		"active":                      {func(e *resale.Entitlement) { e.Status = resale.Active }, false},
		"suspended":                   {func(e *resale.Entitlement) { e.Status = resale.Suspended }, false},
		"requested":                   {func(e *resale.Entitlement) { e.Status = resale.Requested }, false},
		"ended":                       {func(e *resale.Entitlement) { e.Status = resale.Cancelled }, false},
		"refused":                     {func(e *resale.Entitlement) { e.Status = resale.Refused }, false},
		"ending later":                {func(e *resale.Entitlement) { e.Status, e.DateEnded = resale.ActiveEnding, noon.Add(time.Hour) }, false},
		"ended a moment ago":          {func(e *resale.Entitlement) { e.Status, e.DateEnded = resale.ActiveEnding, ago(4*time.Minute) }, false},
		"should have ended":           {func(e *resale.Entitlement) { e.Status, e.DateEnded = resale.ActiveEnding, ago(6*time.Minute) }, true},
		"ending, nobody said when":    {func(e *resale.Entitlement) { e.Status = resale.ActiveEnding }, true},
		"pending, of a fresh product": {func(e *resale.Entitlement) { e.Status, e.Created = resale.Pending, ago(59*time.Minute) }, false},
		"pending for too long":        {func(e *resale.Entitlement) { e.Status, e.Created = resale.Pending, ago(61*time.Minute) }, true},
		"checked just now":            {func(e *resale.Entitlement) { e.Status, e.CheckedAt = resale.Unknown, ago(14*time.Minute) }, false},
		"notified just now":           {func(e *resale.Entitlement) { e.Status, e.NotifiedAt = resale.Failed, ago(14*time.Minute) }, false},
		"checked, and open for an hour": {func(e *resale.Entitlement) {
			e.Status, e.CheckedAt, e.Created = resale.Unknown, ago(16*time.Minute), ago(time.Hour)
		}, true},
		"checked, and open for two": {func(e *resale.Entitlement) {
			e.Status, e.CheckedAt, e.Created = resale.Unknown, ago(16*time.Minute), ago(2*time.Hour)
		}, false},
		"open for two, checked earlier": {func(e *resale.Entitlement) {
			e.Status, e.CheckedAt, e.Created = resale.Unknown, ago(31*time.Minute), ago(2*time.Hour)
		}, true},
		"open for months": {func(e *resale.Entitlement) {
			e.Status, e.CheckedAt, e.Created = resale.Failed, ago(20*24*time.Hour), ago(100*24*time.Hour)
		}, false},
		"checked by a clock that was a day fast": {func(e *resale.Entitlement) { e.Status, e.CheckedAt = resale.Unknown, noon.Add(24*time.Hour) }, true},
	}
	names := slices.Sorted(maps.Keys(cases))
	onEachStore(t, func(d *desk) {
		all := d.put(len(names), func(i int, e *resale.Entitlement) { cases[names[i]].set(e) })
		d.work(resale.NewReconciler(d.service, quarter))
		asked := int64(0)
		for i, name := range names {
			checks := len(d.checks(all[i]))
			if asked += int64(checks); (checks == 1) != cases[name].open {
				d.Errorf("%s: there are %d checks", name, checks)
			}
		}
		if j := d.job(resale.JobReconcile); j.State != resale.JobIdle || !j.NextRun.Equal(noon.Add(quarter)) || j.Cursor != "" || j.Found != asked {
			d.Errorf("the job is %+v", j)
		}
	})
}

// A product's usual time is twice the median of those that became active last.
func TestUsualTime(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.put(5, func(i int, e *resale.Entitlement) {
			took := []time.Duration{time.Minute, 10 * time.Hour, 2 * time.Hour, 90 * time.Minute, 100 * time.Hour}[i]
			e.Status, e.DateCreated, e.DateActivated = resale.Active, noon.Add(-200*time.Hour), noon.Add(took-200*time.Hour)
		})
		pending := d.put(2, func(i int, e *resale.Entitlement) {
			e.ID, e.Ref = fmt.Sprint("p-", i), fmt.Sprint("P-", i)
			e.Status, e.Created = resale.Pending, noon.Add([]time.Duration{-4*time.Hour + time.Minute, -4*time.Hour - time.Minute}[i])
		})
		d.work(resale.NewReconciler(d.service, time.Hour))
		if short, long := len(d.checks(pending[0])), len(d.checks(pending[1])); short != 0 || long != 1 {
			d.Errorf("just below the usual time there are %d checks, just above it %d", short, long)
		}
	})
}

// More than a page of open questions: at most 60 checks a minute, none more than ten minutes ahead, each once, and the rest in a later run.
func TestChecksAreBounded(t *testing.T) {
	onEachStore(t, func(d *desk) {
		const n = 700
		all := d.put(n, func(i int, e *resale.Entitlement) {
			e.Status, e.Updated = resale.Unknown, noon.Add(-time.Duration(i/7)*time.Minute) // some in the same moment
		})
		r := resale.NewReconciler(d.service, 15*time.Minute)
		if more, err := r.Step(d.ctx); err != nil || !more {
			d.Fatalf("the first of several pages: %v, %v", more, err)
		}
		if j := d.job(resale.JobReconcile); j.State != resale.JobRunning || j.Done != 200 || j.Cursor == "" {
			d.Errorf("after a page the job is %+v", j)
		}
		// Whoever took that step is gone; another portal goes on.
		r = resale.NewReconciler(d.service, 15*time.Minute)
		d.work(r)
		minutes, asked := map[int]int{}, 0
		count := func() {
			minutes, asked = map[int]int{}, 0
			for _, e := range all {
				checks := d.checks(e)
				if len(checks) > 1 {
					d.Fatalf("%d checks of one entitlement", len(checks))
				}
				for _, c := range checks {
					asked++
					minutes[int(c.NotBefore.Sub(noon)/time.Minute)]++
				}
			}
		}
		count()
		for minute, n := range minutes {
			if n > 60 || minute > 10 {
				d.Errorf("%d checks in minute %d", n, minute)
			}
		}
		if j := d.job(resale.JobReconcile); asked != 600 || j.Done != n || j.Found != 600 || j.State != resale.JobIdle {
			d.Errorf("%d checks, the job is %+v", asked, j)
		}
		// Nothing was answered until the next run: what is asked for stays as it is, the rest gets its turn.
		if more, err := r.Step(d.ctx); err != nil || more {
			d.Errorf("before the next run: %v, %v", more, err)
		}
		d.clock.turn(15 * time.Minute)
		d.work(r)
		if count(); asked != n || d.job(resale.JobReconcile).Found != n-600 {
			d.Errorf("after the next run there are %d checks of %d", asked, n)
		}
	})
}

// portals returns the services of this portal and of others on the same database; SQLite has but the one.
func (d *desk) portals(n int) []*resale.Service {
	d.Helper()
	portals := []*resale.Service{d.service}
	for len(portals) < n && strings.HasPrefix(d.address, "postgres") {
		log := slog.New(slog.DiscardHandler)
		store, err := db.Open(d.ctx, d.address, func(resale.Change) {}, log)
		if err != nil {
			d.Fatal(err)
		}
		d.Cleanup(func() { store.Close() })
		portals = append(portals, resale.NewService(resale.ServiceConfig{Store: store, Hub: resale.NewHub(), PublicURL: "https://portal.example",
			Log: log, Now: d.clock.now}))
	}
	return portals
}

func TestTwoReconcilersAskOnce(t *testing.T) {
	onEachStore(t, func(d *desk) {
		all := d.put(450, func(i int, e *resale.Entitlement) { e.Status = resale.Unknown })
		var both sync.WaitGroup
		for _, service := range d.portals(3) {
			for range 2 {
				both.Go(func() {
					r := resale.NewReconciler(service, time.Hour)
					for d.job(resale.JobReconcile).NextRun.IsZero() {
						if _, err := r.Step(d.ctx); err != nil {
							d.Error(err)
							return
						}
					}
				})
			}
		}
		both.Wait()
		slots := map[time.Time]bool{}
		for _, e := range all {
			checks := d.checks(e)
			if len(checks) != 1 || slots[checks[0].NotBefore] {
				d.Fatalf("%d checks of one entitlement, or two at once: %v", len(checks), checks)
			}
			slots[checks[0].NotBefore] = true
		}
		if j := d.job(resale.JobReconcile); j.Done != 450 || j.Found != 450 {
			d.Errorf("the job is %+v", j)
		}
	})
}

// A check is made when its time has come, and settles the question; what stays open is asked about seldomer.
func TestChecksSettle(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{mustRegister}
		e := d.create()
		d.step()
		r := resale.NewReconciler(d.service, 15*time.Minute)
		d.work(r)
		if len(d.checks(e)) != 0 {
			d.Error("one that is PENDING for a moment is read back")
		}
		d.bango.read = says(resale.FromRecord, resale.Pending, 0)
		tries := func(atMost time.Duration) (n int) {
			for until := d.clock.now().Add(atMost); d.clock.now().Before(until); d.clock.turn(15 * time.Minute) {
				d.work(r)
				d.clock.turn(time.Second)
				for ok := true; ok; {
					var err error
					if ok, err = d.sender.Step(d.ctx); err != nil {
						d.Fatal(err)
					}
				}
			}
			n, d.bango.reads = d.bango.reads, 0
			return n
		}
		if n := tries(8 * time.Hour); n < 5 || n > 20 {
			d.Errorf("%d checks in the first hours", n)
		}
		if n := tries(8 * time.Hour); n > 4 {
			d.Errorf("%d checks in as many hours later", n)
		}
		// An answer that settles nothing is no reason to ask all the time.
		d.bango.read = refused
		if n := tries(8 * time.Hour); n > 3 {
			d.Errorf("%d checks that Bango refuses", n)
		}
		d.bango.read = says(resale.FromRecord, resale.Active, 60)
		if tries(24 * time.Hour); d.now(e).Status != resale.Active {
			d.Errorf("it is %s", d.now(e).Status)
		}
		if n := tries(8 * time.Hour); n != 0 {
			d.Errorf("%d checks of a question that is settled", n)
		}
	})
}

func TestTheClockIsSetBack(t *testing.T) {
	onEachStore(t, func(d *desk) {
		r := resale.NewReconciler(d.service, 15*time.Minute)
		d.put(1, func(_ int, e *resale.Entitlement) { e.Status = resale.Unknown })
		d.work(r)
		d.clock.turn(-24 * time.Hour)
		e := d.put(1, func(_ int, e *resale.Entitlement) { e.Status = resale.Unknown })[0]
		d.work(r)
		checks := d.checks(e)
		if len(checks) != 1 || checks[0].NotBefore.After(d.clock.now().Add(10*time.Minute)) {
			d.Errorf("after the clock was set back the checks are %v", checks)
		}
		if j := d.job(resale.JobReconcile); !j.NextRun.Equal(d.clock.now().Add(15 * time.Minute)) {
			d.Errorf("the next run is at %s", j.NextRun)
		}
	})
}

func TestCheckAllNow(t *testing.T) {
	onEachStore(t, func(d *desk) {
		r := resale.NewReconciler(d.service, time.Hour)
		d.work(r)
		e := d.put(1, func(_ int, e *resale.Entitlement) { e.Status = resale.Failed })[0]
		if d.work(r); len(d.checks(e)) != 0 {
			d.Error("it ran before its time")
		}
		if err := d.service.Reconcile(d.ctx, d.victor); resale.CodeOf(err) != resale.CodeForbidden {
			d.Errorf("a viewer: %v", err)
		}
		listener := d.hub.Listen(resale.TopicReconciliation)
		defer listener.Close()
		for range 2 {
			if err := d.service.Reconcile(d.ctx, d.ana); err != nil {
				d.Error(err)
			}
		}
		select {
		case <-listener.Signal:
		case <-time.After(10 * time.Second):
			d.Error("nobody is told that it runs")
		}
		if j := d.job(resale.JobReconcile); j.State != resale.JobRunning || j.Actor.Name != "Ana" {
			d.Errorf("the job is %+v", j)
		}
		if d.work(r); len(d.checks(e)) != 1 {
			d.Error("it was not read back")
		}
		j := d.job(resale.JobReconcile)
		if j.Actor.Name != "Ana" || !strings.Contains(j.Message, "Read back from Bango: 1") || j.State != resale.JobIdle {
			d.Errorf("the job is %+v", j)
		}
	})
}

// Run goes on by itself until it is stopped.
func TestReconcilerRuns(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.put(450, func(_ int, e *resale.Entitlement) { e.Status = resale.Unknown })
		ctx, cancel := context.WithCancel(d.ctx)
		stopped := make(chan struct{})
		listener := d.hub.Listen(resale.TopicReconciliation)
		defer listener.Close()
		go func() { resale.NewReconciler(d.service, time.Hour).Run(ctx); close(stopped) }()
		for deadline := time.After(20 * time.Second); d.job(resale.JobReconcile).NextRun.IsZero(); {
			select {
			case <-listener.Signal:
			case <-deadline:
				d.Fatalf("the job is %+v", d.job(resale.JobReconcile))
			}
		}
		cancel()
		<-stopped
		if j := d.job(resale.JobReconcile); j.Done != 450 || j.Found != 450 {
			d.Errorf("the job is %+v", j)
		}
	})
}

// moved returns the service of a portal on the same database whose public address is another one.
func (d *desk) moved() *resale.Service {
	return resale.NewService(resale.ServiceConfig{Store: d.store, Hub: d.hub, PublicURL: "https://new.example", Log: slog.New(slog.DiscardHandler),
		Now: d.clock.now})
}

func TestRepoint(t *testing.T) {
	onEachStore(t, func(d *desk) {
		busy := d.live()
		others := d.put(250, func(i int, e *resale.Entitlement) { e.Status, e.BangoID = resale.Active, fmt.Sprint("b-x", i) })
		never := d.put(3, func(i int, e *resale.Entitlement) { // these need not be told
			e.ID, e.Ref, e.BangoID = fmt.Sprint("n-", i), fmt.Sprint("N-", i), fmt.Sprint("b-n", i)
			e.Status = []resale.Status{resale.Cancelled, resale.Refused, resale.Active}[i]
			if i == 2 {
				e.NotifyBase = "https://new.example"
			}
		})
		d.bango.act = []resale.Answer{silence}
		d.ask(busy, resale.KindSuspend, resale.Reason{})

		service := d.moved()
		if n, err := service.ToPoint(d.ctx); err != nil || n != 251 {
			d.Errorf("%d are to be told, %v", n, err)
		}
		for _, by := range []resale.Actor{d.victor, d.ana, sofia} {
			if err := service.Repoint(d.ctx, by); resale.CodeOf(err) != resale.CodeForbidden {
				d.Errorf("%s: %v", by.Role, err)
			}
		}
		r := resale.NewReconciler(service, time.Hour)
		if d.work(r); d.job(resale.JobRepoint).Done != 0 {
			d.Error("it began by itself")
		}
		if err := service.Repoint(d.ctx, admin); err != nil {
			d.Fatal(err)
		}
		if more, err := r.Step(d.ctx); err != nil || !more {
			d.Fatalf("the first page: %v, %v", more, err)
		}
		if j := d.job(resale.JobRepoint); j.State != resale.JobRunning || j.Done != 200 || j.Actor.Name != "Ada" {
			d.Errorf("after a page the job is %+v", j)
		}
		r = resale.NewReconciler(service, time.Hour)
		d.work(r)
		if j := d.job(resale.JobRepoint); j.State != resale.JobIdle || j.Done != 251 || j.Found != 250 {
			d.Errorf("the job is %+v", j)
		}
		if n, err := service.ToPoint(d.ctx); err != nil || n != 251 {
			d.Errorf("before Bango answered %d are to be told, %v", n, err)
		}
		d.bango.act = []resale.Answer{done}
		sender := resale.NewSender(service, d.bango, 1, 10*time.Second)
		for ok := true; ok; {
			var err error
			if ok, err = sender.Step(d.ctx); err != nil {
				d.Fatal(err)
			}
		}
		if n, err := service.ToPoint(d.ctx); err != nil || n != 1 {
			d.Errorf("after Bango answered %d are to be told, %v", n, err)
		}
		e := d.now(others[7])
		request := d.last(e)
		if e.NotifyBase != "https://new.example" || request.Kind != resale.KindUpdate || request.Actor.Name != "Ada" {
			d.Errorf("it is %+v after the request %+v", e, request)
		}
		if !strings.HasPrefix(d.bango.address, "https://new.example/webhooks/bango/") || len(d.bango.updated) != 250 ||
			slices.ContainsFunc(d.bango.updated, func(t resale.Terms) bool { return t != resale.Terms{NotificationBase: "https://new.example"} }) {
			d.Errorf("Bango was told of %s in %d updates", d.bango.address, len(d.bango.updated))
		}
		for _, e := range never {
			if requests, err := d.store.RequestsOf(d.ctx, e.ID, 10); err != nil || len(requests) != 0 {
				d.Errorf("%s: %v, %v", e.ID, requests, err)
			}
		}
		// What was under way is told in the next run, at the address that its token belongs to.
		if r := d.last(busy); r.Kind != resale.KindSuspend {
			d.Errorf("beside a suspension there is a request to %s", r.Kind)
		}
		if err := service.Repoint(d.ctx, admin); err != nil {
			d.Fatal(err)
		}
		d.work(r)
		if _, err := sender.Step(d.ctx); err != nil {
			d.Fatal(err)
		}
		if n, err := service.ToPoint(d.ctx); err != nil || n != 0 || d.bango.address != "https://new.example/webhooks/bango/"+resale.NotificationToken(busy) {
			d.Errorf("%d are to be told, %v; the last address was %s", n, err, d.bango.address)
		}
	})
}
