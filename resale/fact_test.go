package resale

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func pendingAt(t time.Time) Entitlement {
	return Entitlement{ID: "e", CustomerIdentifier: "cust-1", MerchantKey: "BANGO", ProductKey: "BangoMusic",
		BangoID: "b-1", Status: Pending, BangoStatus: "PENDING", RegistrationURL: "https://m.example/r/1", DateLastUpdated: t}
}

func TestApply(t *testing.T) {
	said := func(source Source, status string, at time.Time) Fact {
		return Fact{Source: source, BangoID: "b-1", Status: status, DateLastUpdated: at}
	}
	later, earlier := noon.Add(time.Second), noon.Add(-time.Second)
	with := func(e Entitlement, change func(*Entitlement)) Entitlement { change(&e); return e }
	ended := with(pendingAt(noon), func(e *Entitlement) { e.Status, e.BangoStatus, e.RegistrationURL = Cancelled, "CANCELLED", "" })
	ours := func(s Status) Entitlement {
		return Entitlement{ID: "e", CustomerIdentifier: "cust-1", MerchantKey: "BANGO", ProductKey: "BangoMusic", Status: s}
	}
	tests := []struct {
		name   string
		before Entitlement
		fact   Fact
		effect Effect
		status Status
	}{
		{"a newer allowed move", pendingAt(noon), said(FromNotification, "ACTIVE", later), EffectChanged, Active},
		{"the same again", pendingAt(noon), said(FromNotification, "PENDING", noon), EffectRepeated, Pending},
		{"older news", pendingAt(noon), said(FromNotification, "ACTIVE", earlier), EffectStale, Pending},
		{"another word in the same second", pendingAt(noon), said(FromNotification, "ACTIVE", noon), EffectDoubted, Pending},
		{"the record settles the tie", pendingAt(noon), said(FromRecord, "ACTIVE", noon), EffectChanged, Active},
		{"no date", pendingAt(noon), said(FromNotification, "ACTIVE", time.Time{}), EffectDoubted, Pending},
		{"the record without a date", pendingAt(noon), said(FromRecord, "ACTIVE", time.Time{}), EffectChanged, Active},
		{"a move past one that was missed", pendingAt(noon), said(FromNotification, "SUSPENDED", later), EffectDoubted, Pending},
		{"the record makes that move", pendingAt(noon), said(FromRecord, "SUSPENDED", later), EffectChanged, Suspended},
		{"an older record", pendingAt(noon), said(FromRecord, "ACTIVE", earlier), EffectStale, Pending},
		{"news of an ended one", ended, said(FromNotification, "ACTIVE", later), EffectDoubted, Cancelled},
		{"a record that revives an ended one", ended, said(FromRecord, "ACTIVE", later), EffectRejected, Cancelled},
		{"an ended one again", ended, said(FromNotification, "CANCELLED", noon), EffectRepeated, Cancelled},
		{"the first word on a requested one", ours(Requested), said(FromReply, "ACTIVE", noon), EffectChanged, Active},
		{"the first word without a date", ours(Unknown), said(FromNotification, "PENDING", time.Time{}), EffectChanged, Pending},
		{"news of a refused one", ours(Refused), said(FromNotification, "ACTIVE", noon), EffectDoubted, Refused},
		{"the record of a refused one", ours(Refused), said(FromRecord, "ACTIVE", noon), EffectChanged, Active},
		{"an unknown word", pendingAt(noon), said(FromNotification, "PAUSED", later), EffectChanged, Pending},
		{"another entitlement", pendingAt(noon), Fact{Source: FromRecord, BangoID: "b-2", Status: "ACTIVE", DateLastUpdated: later}, EffectForeign, Pending},
		{"another customer", pendingAt(noon), Fact{Source: FromRecord, CustomerIdentifier: "cust-2", Status: "ACTIVE", DateLastUpdated: later}, EffectForeign, Pending},
		{"another merchant", pendingAt(noon), Fact{Source: FromRecord, MerchantKey: "OTHER", Status: "ACTIVE", DateLastUpdated: later}, EffectForeign, Pending},
		{"one of our words from outside", pendingAt(noon), said(FromNotification, "REFUSED", later), EffectChanged, Pending},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			after, effect := Apply(tt.before, tt.fact)
			if effect != tt.effect || after.Status != tt.status {
				t.Errorf("got %s, %s; want %s, %s", effect, after.Status, tt.effect, tt.status)
			}
			if effect != EffectChanged && after != tt.before {
				t.Errorf("effect %s changed the entitlement", effect)
			}
			if effect == EffectChanged && after.BangoStatus != tt.fact.Status {
				t.Errorf("Bango's word is kept as %q, not as it came, %q", after.BangoStatus, tt.fact.Status)
			}
			if after.Status != Pending && after.RegistrationURL != "" {
				t.Errorf("there is a registration link though the status is %s", after.Status)
			}
		})
	}
}

func TestApplyTakesAFreshLinkOnATie(t *testing.T) {
	fact := Fact{Source: FromReply, BangoID: "b-1", Status: "PENDING", DateLastUpdated: noon, RegistrationURL: "https://m.example/r/2"}
	after, effect := Apply(pendingAt(noon), fact)
	if effect != EffectChanged || after.RegistrationURL != fact.RegistrationURL {
		t.Errorf("got %s and link %q", effect, after.RegistrationURL)
	}
}

// life is what happened to one entitlement at Bango: each record is what Bango held after a change, in order.
type life []Fact

func drawLife(t *rapid.T) life {
	at, status := noon, Pending
	records := life{{BangoID: "b-1", Status: string(status), DateLastUpdated: at}}
	for range rapid.IntRange(0, 11).Draw(t, "changes") {
		next := moves[status]
		if len(next) == 0 {
			break
		}
		status = rapid.SampledFrom(next).Draw(t, "status")
		at = at.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "seconds")) * time.Second) // whole seconds: ties are common
		records = append(records, Fact{BangoID: "b-1", Status: string(status), DateLastUpdated: at})
	}
	return records
}

// replay plays a life: Bango's changes happen in order, and each is told one to four times, at any time after it happened and in any
// order, by reply or notification; some are lost. The first is told by the reply to the create alone, once, late or never. Whoever doubts reads
// Bango's record as it is then. It returns the portal's view at the end, the statuses that people saw one after the other, and whether
// something was lost.
func replay(t *rapid.T, l life, apply func(Entitlement, Fact) (Entitlement, Effect)) (e Entitlement, seen []string, lost bool) {
	e = Entitlement{ID: "e", Status: Requested}
	happened, toTell := 0, []Fact(nil)
	happen := func() {
		f := l[happened]
		f.Source = rapid.SampledFrom([]Source{FromNotification, FromReply}).Draw(t, "source")
		copies := rapid.IntRange(0, 4).Draw(t, "copies")
		if happened == 0 {
			f.Source, copies = FromReply, min(copies, 1)
		}
		happened++
		lost = lost || copies == 0
		for range copies {
			toTell = append(toTell, f)
		}
	}
	happen()
	for happened < len(l) || len(toTell) > 0 {
		if happened < len(l) && (len(toTell) == 0 || rapid.Bool().Draw(t, "goes on")) {
			happen()
			continue
		}
		i := rapid.IntRange(0, len(toTell)-1).Draw(t, "which")
		was := e.Status
		var effect Effect
		e, effect = apply(e, toTell[i])
		if effect == EffectDoubted {
			record := l[happened-1]
			record.Source = FromRecord
			e, _ = apply(e, record)
		}
		if was.Ended() && e.Status != was {
			t.Fatalf("an ended entitlement left %s for %s", was, e.Status)
		}
		if e.Status != was {
			seen = append(seen, string(e.Status))
		}
		toTell = slices.Delete(toTell, i, i+1)
	}
	return e, seen, lost
}

// madeUp returns the first status that people saw though nothing of the kind happened then at Bango; empty where all of them did, in that order.
// They may be fewer: what was lost or overtaken is not seen.
func (l life) madeUp(seen []string) string {
	i := 0
	for _, status := range seen {
		for i < len(l) && l[i].Status != status {
			i++
		}
		if i == len(l) {
			return status
		}
		i++
	}
	return ""
}

// R3: however the facts of a life arrive, the portal ends at Bango's record: by itself if each arrived at least once, otherwise
// after one read-back. On the way it shows no status that Bango's record did not have then.
func TestR3AnyOrderOfFactsEndsInBangosRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLife(t)
		e, seen, lost := replay(t, l, Apply)
		if status := l.madeUp(seen); status != "" {
			t.Fatalf("people saw %s, of a life of %v", seen, l)
		}
		record := l[len(l)-1]
		if lost {
			record.Source = FromRecord
			e, _ = Apply(e, record)
		}
		if e.BangoStatus != record.Status || string(e.Status) != record.Status {
			t.Fatalf("the portal says %s, Bango %s", e.Status, record.Status)
		}
	})
}

// R3: where every fact arrives as it happens, however often, people see each real change once and nothing else.
func TestR3EachRealChangeIsSeenOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLife(t)
		for i := range l { // no ties: of two changes in a second, one may be seen
			l[i].DateLastUpdated = noon.Add(time.Duration(i) * time.Second)
		}
		if seen := told(t, l, Apply); !slices.Equal(seen, l.statuses()) {
			t.Fatalf("people saw %v of %v", seen, l.statuses())
		}
	})
}

// told tells a life in order, each fact one to four times, old ones again in between, and returns the statuses that people saw.
func told(t *rapid.T, l life, apply func(Entitlement, Fact) (Entitlement, Effect)) (seen []string) {
	e := Entitlement{ID: "e", Status: Requested}
	tell := func(f Fact) {
		was := e.Status
		f.Source = FromNotification
		if e, _ = apply(e, f); e.Status != was {
			seen = append(seen, string(e.Status))
		}
	}
	for i := range l {
		for range rapid.IntRange(1, 4).Draw(t, "copies") {
			tell(l[i])
		}
		tell(l[rapid.IntRange(0, i).Draw(t, "again")])
	}
	return seen
}

// statuses are those of a life, one for each change.
func (l life) statuses() []string {
	all := make([]string, len(l))
	for i, f := range l {
		all[i] = f.Status
	}
	return all
}

// R3 must notice a portal that believes whatever came last.
func TestR3NoticesLastWriteWins(t *testing.T) {
	lastWriteWins := func(e Entitlement, f Fact) (Entitlement, Effect) { return e.with(f), EffectChanged }
	l := life{{BangoID: "b-1", Status: "PENDING", DateLastUpdated: noon}, {BangoID: "b-1", Status: "ACTIVE", DateLastUpdated: noon.Add(time.Second)}}
	for name, wrong := range map[string]func(t *rapid.T) bool{
		"at the end": func(t *rapid.T) bool {
			e, _, lost := replay(t, l, lastWriteWins)
			return !lost && e.Status != Active
		},
		"on the way": func(t *rapid.T) bool { return len(told(t, l, lastWriteWins)) != len(l) },
		"made up": func(t *rapid.T) bool {
			_, seen, _ := replay(t, l, lastWriteWins)
			return l.madeUp(seen) != ""
		},
	} {
		noticed := false
		for seed := range 2000 {
			noticed = noticed || rapid.Custom(wrong).Example(seed)
		}
		if !noticed {
			t.Errorf("2,000 sequences did not find the fault of believing whatever came last %s", name)
		}
	}
}
