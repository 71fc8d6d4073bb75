package views

import (
	"cmp"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/resale"
)

// PlotsPage is all plots.
type PlotsPage struct {
	Frame
	Plots    resale.Plots
	Products []resale.Product
	Table    bool // the days are a table
}

// PlottedPage is the list behind a bar.
type PlottedPage struct {
	Frame
	Filter  resale.LifeFilter
	Product string // what the product is called that it is about, empty for all
	Count   int64
	More    bool // there are more than Count
	Rows    []resale.LifeRow
	First   bool   // the first page
	Next    string // the after= of the next page, empty on the last
}

// FormatMinute writes a time as the addresses of lists have it, "" for none.
func FormatMinute(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04Z")
}

// listed is the address of the list behind a bar: its name, and the day, or the first and the last.
func listed(f resale.LifeFilter, after string) string {
	q := url.Values{}
	if f.Kind == resale.LifeWaiting {
		q.Set(string(f.Kind), FormatMinute(f.Since)+".."+FormatMinute(f.Before))
	} else {
		first, last := f.Since.Format(time.DateOnly), f.Before.AddDate(0, 0, -1).Format(time.DateOnly)
		if last != first {
			first += ".." + last
		}
		q.Set(string(f.Kind), first)
	}
	if f.Kind == resale.LifeEndedFor {
		q.Set("reason", f.Reason)
	}
	for name, value := range map[string]string{"product": f.ProductID, "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "/plots/list?" + q.Encode()
}

// plotsAddress is that of all plots, with the days as a table or as a plot.
func plotsAddress(p resale.Plots, table bool) string {
	q := url.Values{}
	if p.ProductID != "" {
		q.Set("product", p.ProductID)
	}
	if table {
		q.Set("as", "table")
	}
	if len(q) == 0 {
		return "/plots"
	}
	return "/plots?" + q.Encode()
}

// maxBars is how many lines a plot of lines has; its table has all.
const maxBars = 8

// small is below how many pixels a bar is hard to point at, so that all of its column leads where it does.
const small = 24

// during is the list of what made a step on the days from first to last.
func during(p resale.Plots, kind resale.LifeList, first, last resale.Day) resale.LifeFilter {
	return resale.LifeFilter{Kind: kind, ProductID: p.ProductID, Since: first.Start(), Before: (last + 1).Start()}
}

// Where the parts of the plot of days are, in pixels: labels of 30 above and below, the bars between them, the dates at the foot.
const (
	daysLabels = 30.0
	daysBars   = 130.0
	daysHeight = 2*daysLabels + daysBars + 22
)

// dayColumn is a day of the plot: its place in percent of the width, its bars in pixels.
type dayColumn struct {
	resale.DayFigures
	x, middle, width string
	up, down         float64
}

// daysPlot is the plot of activations, up, and endings, down, on one scale.
type daysPlot struct {
	columns          []dayColumn
	zero             float64 // where the line is
	activated, ended int64   // in all
	most, mostEnded  int     // the columns of the longest bars, -1 where there is none
}

func plotDays(days []resale.DayFigures) daysPlot {
	p := daysPlot{most: -1, mostEnded: -1}
	var up, down int64
	for i, d := range days {
		p.activated, p.ended = p.activated+d.Activated, p.ended+d.Ended
		if d.Activated > up {
			up, p.most = d.Activated, i
		}
		if d.Ended > down {
			down, p.mostEnded = d.Ended, i
		}
	}
	unit := daysBars / float64(max(up+down, 1))
	p.zero = daysLabels + float64(up)*unit
	step := 100 / float64(len(days))
	for i, d := range days {
		p.columns = append(p.columns, dayColumn{DayFigures: d, x: percent((float64(i) + 0.12) * step), middle: percent((float64(i) + 0.5) * step),
			width: percent(0.76 * step), up: float64(d.Activated) * unit, down: float64(d.Ended) * unit})
	}
	return p
}

func percent(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) + "%" }
func px(x float64) string      { return strconv.FormatFloat(math.Round(10*x)/10, 'f', -1, 64) }

// anchor keeps a label over a column within the plot.
func anchor(column, columns int) string {
	switch {
	case column < 2:
		return "start"
	case column >= columns-2:
		return "end"
	}
	return "middle"
}

// shortDay is a day on the axis, weekday one in a table, fullDay one in a sentence.
func shortDay(d resale.Day) string { return d.Start().Format("2 Jan") }
func weekday(d resale.Day) string  { return d.Start().Format("Mon 2 Jan") }
func fullDay(d resale.Day) string  { return d.Start().Format("Monday 2 January 2006") }

func daysSentence(p daysPlot) string {
	return fmt.Sprintf("%s activated and %s ended in the last %d days (UTC).", grouped(p.activated), grouped(p.ended), resale.PlotDays)
}

// bar is a line of a plot of lines: how many, of what, how long, and what to say below.
type bar struct {
	n     int64
	more  bool
	label string
	full  string // of the label, where that is short; empty where it is the same
	note  string
	class string
	share float64
	list  resale.LifeFilter
}

func (b bar) count() string {
	if b.more {
		return "over " + grouped(b.n)
	}
	return grouped(b.n)
}

// maxLabel is how much of a label fits beside a bar on a phone, in characters. The table has all of it.
const maxLabel = 42

func (b bar) whole() string { return cmp.Or(b.full, b.label) }

func (b bar) short() string {
	runes := []rune(b.label)
	if len(runes) <= maxLabel {
		return b.label
	}
	return string(runes[:maxLabel-1]) + "…"
}

const barHeight = 16.0

// height is how much a bar takes with its label above and its note below.
func (b bar) height() float64 {
	if b.note == "" {
		return 50
	}
	return 66
}

func heightOf(bars []bar) (height float64) {
	for _, b := range bars {
		height += b.height()
	}
	return height
}

// scaled gives each bar its share of the longest.
func scaled(bars []bar) []bar {
	most := int64(1)
	for _, b := range bars {
		most = max(most, b.n)
	}
	for i := range bars {
		bars[i].share = 100 * float64(bars[i].n) / float64(most)
	}
	return bars
}

// funnel tells what became of what was asked for.
func funnel(p resale.Plots) []bar {
	of := func(n int64) string {
		return fmt.Sprintf(" · %d %%", int64(math.Round(100*float64(n)/float64(max(p.Created, 1)))))
	}
	bars := []bar{
		{n: p.Created, label: "asked for", list: during(p, resale.LifeCreated, p.First, p.Last)},
		{n: p.Opened, label: "link opened" + of(p.Opened), list: during(p, resale.LifeOpened, p.First, p.Last), note: within(p.ToOpen)},
		{n: p.Active, label: "active" + of(p.Active), list: during(p, resale.LifeActive, p.First, p.Last), note: within(p.ToActive)},
	}
	return scaled(bars)
}

// within tells how long something took.
func within(s resale.Spread) string {
	if s.N == 0 {
		return ""
	}
	return fmt.Sprintf("half within %s, nine of ten within %s", took(s.Median), took(s.P90))
}

func funnelSentence(p resale.Plots) string {
	if p.Active == 0 {
		return fmt.Sprintf("Of %s asked for in the last %d days, none is active yet.", grouped(p.Created), resale.PlotDays)
	}
	text := fmt.Sprintf("Of %s asked for in the last %d days, %s became active", grouped(p.Created), resale.PlotDays, grouped(p.Active))
	if p.Direct > 0 {
		text += fmt.Sprintf(", %s of them without the link", grouped(p.Direct))
	}
	return text + "."
}

// took is a time in words, as exactly as times are kept.
func took(d time.Duration) string {
	whole := func(unit time.Duration) int64 { return int64(math.Round(float64(d) / float64(unit))) }
	switch {
	case d == 0:
		return "–"
	case d < 90*time.Second:
		return number(max(whole(time.Second), 1)) + " s"
	case d < 90*time.Minute:
		return number(whole(time.Minute)) + " min"
	case d < 36*time.Hour:
		return number(whole(time.Hour)) + " h"
	}
	return plural(whole(24*time.Hour), "day", "days")
}

// waitingWords are what is PENDING for how long, in the order of the figures.
var waitingWords = []string{"for less than an hour", "for an hour to a day", "for 1 to 3 days", "for 3 to 7 days", "for longer than 7 days"}

func waitingBars(p resale.Plots) []bar {
	var bars []bar
	for i, w := range p.Waiting {
		bars = append(bars, bar{n: w.N, more: w.More, label: waitingWords[i], class: "waits",
			list: resale.LifeFilter{Kind: resale.LifeWaiting, ProductID: p.ProductID, Since: w.Since, Before: w.Before}})
	}
	return scaled(bars)
}

func waitingSentence(p resale.Plots) string {
	n, more := int64(0), ""
	for _, w := range p.Waiting {
		n += w.N
		if w.More {
			more = "More than "
		}
	}
	return fmt.Sprintf("%s%s for the customer to sign up, or for the merchant.", more, plural(n, "waits", "wait"))
}

func reasonBars(p resale.Plots) []bar {
	var bars []bar
	for _, r := range p.Reasons {
		list := during(p, resale.LifeEndedFor, p.First, p.Last)
		list.Reason = r.Reason
		bars = append(bars, bar{n: r.N, label: endedShort(r.Reason), full: endedWords(r.Reason), class: "ends", list: list})
	}
	return scaled(bars)
}

// endedBy are the categories of reasons, short.
var endedBy = map[string]string{"CUSTOMER_CANCELLED": "customer cancelled", "CUSTOMER_CHANGED": "customer changed", "REVOKED": "we took it away",
	"ACTIVATION_ROLLBACK": "should not have been activated"}

// endedWords tells a reason, category/code.
func endedWords(reason string) string {
	category, code, _ := strings.Cut(reason, "/")
	if reason == "" {
		return "ended at Bango or the merchant, not by us"
	}
	return cmp.Or(reasonWords[resale.Reason{Category: category, Code: code}], code) + " · " + cmp.Or(endedBy[category], category)
}

// endedShort leaves the category out, where the reason is one that says enough by itself.
func endedShort(reason string) string {
	category, code, _ := strings.Cut(reason, "/")
	return cmp.Or(reasonWords[resale.Reason{Category: category, Code: code}], endedWords(reason))
}

func reasonsSentence(p resale.Plots) string {
	return fmt.Sprintf("%s ended in the last %d days (UTC).", grouped(plotDays(p.Days).ended), resale.PlotDays)
}

func reversed(columns []dayColumn) []dayColumn {
	columns = slices.Clone(columns)
	slices.Reverse(columns)
	return columns
}

// plottedWords are what a list is called, and what its column with the time is.
var plottedWords = map[resale.LifeList][2]string{
	resale.LifeCreated:   {"Asked for", "Asked for"},
	resale.LifeOpened:    {"Asked for, link opened,", "Asked for"},
	resale.LifeActive:    {"Asked for and active,", "Asked for"},
	resale.LifeActivated: {"Activated", "Activated"},
	resale.LifeEnded:     {"Ended", "Ended"},
	resale.LifeEndedFor:  {"Ended", "Ended"},
	resale.LifeWaiting:   {"PENDING", "Since"},
}

func plottedTitle(f resale.LifeFilter) string {
	title := plottedWords[f.Kind][0]
	if f.Kind == resale.LifeWaiting {
		since, before := f.Since.Format("2 January 15:04"), f.Before.Format("2 January 15:04")
		switch {
		case f.Since.IsZero() && f.Before.IsZero():
			return title
		case f.Since.IsZero():
			return title + " since before " + before + " UTC"
		case f.Before.IsZero():
			return title + " since " + since + " UTC or later"
		}
		return title + " since " + since + " to " + before + " UTC"
	}
	first, last := resale.DayOf(f.Since), resale.DayOf(f.Before)-1
	if first == last {
		return title + " on " + fullDay(first)
	}
	return title + " from " + day(first.Start()) + " to " + day(last.Start())
}

func plottedSentence(p PlottedPage) string {
	count := plural(p.Count, "entitlement", "entitlements")
	if p.More {
		count = "More than " + count
	}
	if p.Product != "" {
		count += " of " + p.Product
	}
	if p.Filter.Kind == resale.LifeEndedFor {
		count += "; " + endedWords(p.Filter.Reason)
	}
	return count + ". Days are UTC."
}
