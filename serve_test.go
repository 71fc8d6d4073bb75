package main

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/bango"
)

// output is what a command that runs beside the test has printed so far.
type output struct {
	mu   sync.Mutex
	said strings.Builder
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said.Write(b)
}

func (o *output) String() string { o.mu.Lock(); defer o.mu.Unlock(); return o.said.String() }

// background runs a command until stop, which returns how it ended.
func background(t *testing.T, args ...string) (out, errs *output, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, errs = &output{}, &output{}
	ended := make(chan int, 1)
	go func() { ended <- command(ctx, args, streams{strings.NewReader(""), out, errs}) }()
	stop = sync.OnceValue(func() int { cancel(); return <-ended })
	t.Cleanup(func() { stop() })
	return out, errs, stop
}

// answers waits until an address answers, and returns its status.
func answers(t *testing.T, address string) int {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(address)
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			return resp.StatusCode
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %v", address, err)
		}
	}
}

// The sandbox prints the settings that a portal needs, and they are right.
func TestSandboxAlone(t *testing.T) {
	address := freeAddress(t)
	out, errs, stop := background(t, "sandbox", "--listen", address)
	answers(t, "http://"+address+"/")
	settings := map[string]string{}
	for line := range strings.Lines(out.String()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && strings.HasPrefix(name, "LATCHKEY_") {
			settings[name] = value
		}
	}
	client, err := bango.New(bango.Config{BaseURL: settings["LATCHKEY_BANGO_URL"], Username: settings["LATCHKEY_BANGO_USERNAME"], Password: settings["LATCHKEY_BANGO_PASSWORD"]})
	if err != nil {
		t.Fatalf("the sandbox printed %q: %v", out, err)
	}
	if reply, err := client.Echo(t.Context(), "hello"); err != nil || reply.Echo != "hello" {
		t.Errorf("echo: %+v, %v", reply, err)
	}
	if exit := stop(); exit != 0 || strings.Contains(errs.String(), "latchkey:") {
		t.Errorf("exit %d, %s", exit, errs)
	}
}

// A portal that is told to stop ends at once, with a page open and a connection in reserve, and cleanly.
func TestServeEndsCleanly(t *testing.T) {
	address := freeAddress(t)
	for name, value := range map[string]string{"LATCHKEY_DATABASE": filepath.Join(t.TempDir(), "latchkey.db"), "LATCHKEY_LISTEN": address,
		"LATCHKEY_BANGO_URL": "http://127.0.0.1:1/v1", "LATCHKEY_BANGO_USERNAME": "u", "LATCHKEY_BANGO_PASSWORD": "s3cret"} {
		t.Setenv(name, value)
	}
	_, errs, stop := background(t) // a bare latchkey serves
	if status := answers(t, "http://"+address+"/readyz"); status != http.StatusOK {
		t.Errorf("ready: %d", status)
	}
	if status := answers(t, "http://"+address+"/login"); status != http.StatusOK {
		t.Errorf("sign-in: %d", status)
	}
	told := time.Now()
	exit := stop()
	if took := time.Since(told); exit != 0 || took > 5*time.Second {
		t.Errorf("exit %d after %s: %s", exit, took, errs)
	}
	if strings.Contains(errs.String(), "s3cret") {
		t.Errorf("the log tells a secret: %s", errs)
	}
}
