package resale_test

import (
	"flag"
	"testing"

	"latchkey/db/dbtest"
)

// TestMain draws 20,000 lives for each property unless told otherwise: rapid's own 100 would miss rare orders.
func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "rapid.checks" })
	if !chosen {
		flag.Set("rapid.checks", "20000")
	}
	dbtest.Main(m)
}
