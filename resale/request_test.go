package resale

import (
	"strings"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	for _, tt := range []struct {
		attempts int64
		ceiling  time.Duration
	}{{1, time.Second}, {2, 2 * time.Second}, {5, 16 * time.Second}, {10, 512 * time.Second}, {11, maxBackoff}, {1 << 40, maxBackoff}} {
		longest := time.Duration(0)
		for range 200 {
			wait := backoff(tt.attempts)
			if wait <= 0 || wait > tt.ceiling+time.Millisecond {
				t.Fatalf("after %d attempts: %s, over %s", tt.attempts, wait, tt.ceiling)
			}
			longest = max(longest, wait)
		}
		if longest < tt.ceiling/2 {
			t.Errorf("after %d attempts the longest of 200 waits was %s; the jitter does not reach up to %s", tt.attempts, longest, tt.ceiling)
		}
	}
}

func TestNextAttemptIsNeverBeforeRetryAfter(t *testing.T) {
	for range 200 {
		if next := nextAttempt(noon, 1, time.Minute); next.Before(noon.Add(time.Minute)) || next.After(noon.Add(72*time.Second)) {
			t.Fatalf("asked to wait a minute, the next attempt is after %s", next.Sub(noon))
		}
	}
}

func TestRefs(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		ref := newRef()
		back, ok := ParseRef(strings.ToLower(strings.ReplaceAll(ref, "-", "")))
		if !ok || back != ref {
			t.Fatalf("%s, typed without its hyphen and in lower case, is read as %q", ref, back)
		}
		if seen[ref] {
			t.Fatalf("%s came twice in 10,000", ref)
		}
		seen[ref] = true
	}
	for _, bad := range []string{"", "K7Q4", "K7Q4-X2M", "K7Q4-X2MDA", "K7Q4-X2M0", "K7Q4_X2MD", "cust-0007"} {
		if ref, ok := ParseRef(bad); ok {
			t.Errorf("%q was read as the ref %s", bad, ref)
		}
	}
}
