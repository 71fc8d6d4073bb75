package main

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// doctorCmd looks at everything that a portal needs, without changing anything.
type doctorCmd struct{ portalFlags }

func (c *doctorCmd) Run(ctx context.Context, s streams) error {
	d := &doctor{}
	d.set, d.wrong = c.settings()
	failures := d.examine(ctx, s.out)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("the examination was interrupted")
	case failures > 0:
		return fmt.Errorf("%s; each FAILED line says what to do", count(failures, "check failed", "checks failed"))
	}
	return nil
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// level is how bad a finding is.
type level string

const (
	good     level = "ok"
	doubtful level = "warning"
	bad      level = "FAILED"
	skipped  level = "skipped" // what it needs is wrong already
)

// finding is a line of the examination.
type finding struct {
	level level
	found string // what there is
	do    string // what to do about it; empty where there is nothing to do
}

func fine(format string, args ...any) finding {
	return finding{level: good, found: fmt.Sprintf(format, args...)}
}

// check is one thing that must be so.
type check struct {
	name     string
	settings bool // it needs the settings to be right
	run      func(ctx context.Context, d *doctor) finding
}

// examine makes all checks, prints a line for each, and returns how many failed.
func (d *doctor) examine(ctx context.Context, out io.Writer) (failures int) {
	say := func(name string, f finding) {
		if f.level == bad {
			failures++
		}
		fmt.Fprintf(out, "%-8s %-21s %s\n", f.level, name, oneLineOf(f.found))
		if f.do != "" {
			fmt.Fprintf(out, "%31s%s\n", "", f.do)
		}
	}
	if d.wrong == nil {
		say("settings", fine("all of them can be used"))
	} else {
		for line := range strings.SplitSeq(d.wrong.Error(), "\n") {
			say("settings", finding{bad, line, "Correct it; latchkey serve --help lists the settings."})
		}
	}
	for _, c := range doctorChecks {
		if ctx.Err() != nil {
			return failures
		}
		if c.settings && d.wrong != nil {
			say(c.name, finding{level: skipped, found: "the settings come first"})
			continue
		}
		say(c.name, c.run(ctx, d))
	}
	return failures
}
