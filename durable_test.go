package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	driver "modernc.org/sqlite"
)

// lessDurable lets every connection that is opened from now on sync the log now and then instead of at each commit.
func lessDurable() {
	driver.RegisterConnectionHook(func(c driver.ExecQuerierContext, _ string) error {
		_, err := c.ExecContext(context.Background(), "PRAGMA synchronous = NORMAL", nil)
		return err
	})
}

// traced is how many notifications are posted under the trace, by 8 senders.
const traced = 100

// traceNotifications posts notifications to a portal whose system calls are traced, and returns what is wrong with their order.
func traceNotifications(t *testing.T, point string) error {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		skip(t, "strace is not installed here; on Debian: apt-get install strace")
	}
	if said, err := exec.Command(strace, "-f", "-e", "trace=none", "true").CombinedOutput(); err != nil {
		t.Skipf("this machine lets nobody trace, whatever is installed: %s", said)
	}
	b := newKillBench(t)
	posts := b.someNotifications(traced)
	trace := filepath.Join(t.TempDir(), "trace")
	portal := startChildBy(t, []string{strace, "-f", "-qq", "-y", "-s", "200", "-e", "trace=read,write,fsync,fdatasync", "-e", "signal=none",
		"-o", trace}, point, b.database, b.listen, "http://127.0.0.1:1/v1")
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	queue := make(chan post)
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for p := range queue {
				if !b.post(client, p) {
					t.Errorf("%s got no 200", p.body)
				}
			}
		})
	}
	for _, p := range posts {
		queue <- p
	}
	close(queue)
	senders.Wait()
	portal.kill() // what strace has seen is written once there is nobody to trace
	return syncedBeforeAnswered(trace)
}

var (
	// 123 read(9<socket:[4567]>, "POST …", 4096) = 300, also without what is after the first argument
	traceCall = regexp.MustCompile(`^(\d+) +(read|write|fsync|fdatasync)\((\d+)<(.*?)>[,)]?(.*)$`)
	// 123 <... read resumed>"POST …", 4096) = 300
	traceResumed = regexp.MustCompile(`^(\d+) +<\.\.\. (read|write|fsync|fdatasync) resumed>(.*)$`)
)

// syncedBeforeAnswered reads a trace and returns an error unless each answer to a notification was written after a sync of the log that began
// after the notification was read, and that had ended.
func syncedBeforeAnswered(trace string) error {
	file, err := os.Open(trace)
	if err != nil {
		return err
	}
	defer file.Close()
	type call struct {
		name, fd, path string
		began          int
	}
	pending := map[string]call{} // by thread
	read := map[string]int{}     // by connection: the line on which its last notification had been read
	newest := 0                  // the line on which the newest sync that has ended began
	answered, early, syncs := 0, 0, 0
	ended := func(c call, line int, text string) {
		switch {
		case c.name == "read" && strings.Contains(text, `"POST /webhooks/`):
			read[c.fd] = line
		case strings.HasSuffix(c.name, "sync") && strings.HasSuffix(c.path, "-wal") && strings.HasSuffix(text, "= 0"):
			newest, syncs = max(newest, c.began), syncs+1
		}
	}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if m := traceResumed.FindStringSubmatch(lines.Text()); m != nil {
			ended(pending[m[1]], n, m[3])
			continue
		}
		m := traceCall.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		c, text := call{m[2], m[3], m[4], n}, m[5]
		if c.name == "write" && strings.Contains(text, `"HTTP/1.1 200 `) && read[c.fd] > 0 {
			answered++
			if newest < read[c.fd] {
				early++
			}
			read[c.fd] = 0
		}
		if strings.HasSuffix(text, "<unfinished ...>") {
			pending[m[1]] = c
		} else {
			ended(c, n, text)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if answered != traced || early > 0 {
		return fmt.Errorf("of %d answers %d were written before the disk had what they acknowledge; %d syncs", answered, early, syncs)
	}
	return nil
}

// R2: each notification is on the disk before its answer is written. (For PostgreSQL see the tests of package db.)
func TestR2EveryAnswerFollowsASync(t *testing.T) {
	if err := traceNotifications(t, atNoPoint); err != nil {
		t.Error(err)
	}
}

// R2 must notice a database that syncs its log now and then only, and a portal that answers first.
func TestR2NoticesAnswersWithoutASync(t *testing.T) {
	for _, fault := range []string{syncedRarely, ackBeforeKept} {
		t.Run(fault, func(t *testing.T) {
			err := traceNotifications(t, fault)
			if err == nil {
				t.Fatal("nothing was noticed")
			}
			t.Log("noticed:", err)
		})
	}
}
