package main

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"latchkey/bango/reports"
	"latchkey/resale"
)

// BenchmarkImportReports measures the memory and the pace of a comparison with a report file, on SQLite: what the heap takes at its highest, and
// what of it is alive.
func BenchmarkImportReports(b *testing.B) {
	for _, tt := range []struct {
		name  string
		rows  int
		adopt bool
	}{{"compare=100k", 100_000, false}, {"compare=1M", 1_000_000, false}, {"adopt=100k", 100_000, true}} {
		b.Run(tt.name, func(b *testing.B) {
			folder := b.TempDir()
			name := writeReport(b, filepath.Join(folder, "AR_V1_D_20261123.csv"), tt.rows, tt.adopt)
			var peak, live uint64
			var took time.Duration
			for i := range b.N {
				store, err := openStore(b.Context(), filepath.Join(folder, fmt.Sprint(i, ".db")), func(resale.Change) {}, slog.New(slog.DiscardHandler))
				if err != nil {
					b.Fatal(err)
				}
				service := resale.NewService(resale.ServiceConfig{Store: store, Hub: resale.NewHub(), PublicURL: "https://portal.example",
					Log: slog.New(slog.DiscardHandler)})
				files, err := reports.Find(b.Context(), name, reports.S3{})
				if err != nil || len(files) != 1 {
					b.Fatal(files, err)
				}
				base := heapNow(true)
				stop, watcher := make(chan struct{}), sync.WaitGroup{}
				watcher.Go(func() { peak, live = watchHeap(stop, base, peak, live) })
				began := time.Now()
				result, err := importReport(b.Context(), service, files[0], tt.adopt)
				took += time.Since(began)
				close(stop)
				watcher.Wait()
				if err != nil || result.Rows != int64(tt.rows) || tt.adopt && result.Adopted != result.Rows {
					b.Fatal(result, err)
				}
				if err := store.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
			b.ReportMetric(float64(live)/(1<<20), "live-MiB")
			b.ReportMetric(float64(b.N*tt.rows)/took.Seconds(), "rows/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// watchHeap returns the most that the heap took, and the most that was alive on it, above base.
func watchHeap(stop <-chan struct{}, base, peak, live uint64) (uint64, uint64) {
	above := func(alive bool) uint64 { return max(heapNow(alive), base) - base }
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return peak, live
		case <-ticker.C:
			peak = max(peak, above(false))
			if i%50 == 0 {
				live = max(live, above(true))
			}
		}
	}
}

// heapNow returns what is on the heap, or what of it is alive.
func heapNow(alive bool) uint64 {
	if alive {
		runtime.GC()
		runtime.GC() // what pools keep goes with the second
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// writeReport writes a report of so many rows: lives, or what has ended, which is no difference where it is not known.
func writeReport(b *testing.B, name string, rows int, lives bool) string {
	b.Helper()
	file, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	w := bufio.NewWriter(file)
	status := "Cancelled"
	if lives {
		status = "Active"
	}
	w.WriteString(reportGeneration2)
	for i := range rows {
		w.WriteString(generation2(fmt.Sprintf("1c0f3c1e-0000-4000-8000-%012d", i), fmt.Sprint("customer-", i/2), status, "02/03/2017 09:00:00", ""))
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	return name
}
