package reports_test

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"latchkey/bango/reports"
)

// content is a report with one row, that of an entitlement with this id.
func content(id string) string {
	return headerLeast + "\r\nc," + id + ",Active,m,p,03/02/2017 04:05:06\r\n"
}

// tree is what Bango's bucket holds, each file with its own name as the entitlement; and a neighbour, other files and a copy.
func tree() map[string]string {
	files := map[string]string{}
	for _, name := range []string{
		"EntitlementReports/BANGO/Daily/ER_V1_D_20200812.csv", "EntitlementReports/BANGO/Daily/AR_V1_D_20200811.csv",
		"EntitlementReports/BANGO/Weekly/AR_V1_W_20200803.csv", "EntitlementReports/BANGO/Monthly/CR_V1_M_202008.csv",
		"EntitlementReports/BANGO/Daily/SR_V1_D_20200812.csv", "EntitlementReports/BANGO/Daily/readme.txt",
		"EntitlementReports/BANGO_US/Daily/AR_V1_D_20200810.csv", "archive/old.csv",
	} {
		files[name] = content(name)
	}
	return files
}

// found returns the locations that Find lists, with root taken away, after it has read each and seen that it is the right one.
func found(t *testing.T, location, root string, s3 reports.S3) (names []string) {
	t.Helper()
	files, err := reports.Find(t.Context(), location, s3)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := strings.TrimPrefix(filepath.ToSlash(f.Location), root+"/")
		names = append(names, name)
		stream, err := f.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rows, wrong := read(t, stream)
		if len(rows) != 1 || rows[0].BangoID != name || wrong != nil || f.Size != int64(len(content(name))) {
			t.Errorf("%s of %d bytes: %+v, %q", f.Location, f.Size, rows, wrong)
		}
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
	}
	return names
}

// lookups are what Find must list of tree, on disk and in a bucket alike, by the end of the period: a month begins before and ends after
// its days.
var lookups = map[string][]string{
	"EntitlementReports/BANGO": {"EntitlementReports/BANGO/Weekly/AR_V1_W_20200803.csv", "EntitlementReports/BANGO/Daily/AR_V1_D_20200811.csv",
		"EntitlementReports/BANGO/Daily/ER_V1_D_20200812.csv", "EntitlementReports/BANGO/Monthly/CR_V1_M_202008.csv"},
	"EntitlementReports/BANGO/Daily/": {"EntitlementReports/BANGO/Daily/AR_V1_D_20200811.csv",
		"EntitlementReports/BANGO/Daily/ER_V1_D_20200812.csv"},
	"EntitlementReports/BANGO/Daily/AR_V1_D_20200811.csv": {"EntitlementReports/BANGO/Daily/AR_V1_D_20200811.csv"},
	"archive":         nil,
	"archive/old.csv": {"archive/old.csv"},
	"": {"EntitlementReports/BANGO/Weekly/AR_V1_W_20200803.csv", "EntitlementReports/BANGO_US/Daily/AR_V1_D_20200810.csv",
		"EntitlementReports/BANGO/Daily/AR_V1_D_20200811.csv", "EntitlementReports/BANGO/Daily/ER_V1_D_20200812.csv",
		"EntitlementReports/BANGO/Monthly/CR_V1_M_202008.csv"},
}

func TestReportsAreFoundOnDisk(t *testing.T) {
	root := t.TempDir()
	for name, text := range tree() {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for location, want := range lookups {
		if diff := cmp.Diff(want, found(t, filepath.Join(root, location), filepath.ToSlash(root), reports.S3{})); diff != "" {
			t.Errorf("%s: %s", location, diff)
		}
	}
	files, err := reports.Find(t.Context(), root, reports.S3{})
	if err != nil || files[1].Name.Merchant != "BANGO_US" || files[1].Name.Kind != reports.Active {
		t.Errorf("%+v, %v", files, err)
	}
	for _, location := range []string{filepath.Join(root, "none"), "https://bango.example/", os.DevNull} {
		if files, err := reports.Find(t.Context(), location, reports.S3{}); err == nil {
			t.Errorf("%s: %+v", location, files)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := reports.Find(ctx, root, reports.S3{}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
}

// bucket answers as S3 does to GET bucket location, ListObjectsV2 in pages of two, and GetObject, for the one bucket "customer" with
// path-style addresses.
func bucket(t *testing.T, objects map[string]string) reports.S3 {
	type object struct {
		Key  string
		Size int
	}
	type listing struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Contents              []object
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		key, _ := strings.CutPrefix(r.URL.Path, "/customer/")
		text, there := objects[key]
		switch {
		case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=the-access-key/"):
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `<Error><Code>AccessDenied</Code><Message>Not with this key.</Message></Error>`)
		case q.Has("location"):
			io.WriteString(w, `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>`)
		case q.Get("list-type") == "2":
			var keys []string
			for key := range objects {
				if strings.HasPrefix(key, q.Get("prefix")) && key > q.Get("continuation-token") {
					keys = append(keys, key)
				}
			}
			slices.Sort(keys)
			page := listing{IsTruncated: len(keys) > 2}
			for _, key := range keys[:min(2, len(keys))] {
				page.Contents = append(page.Contents, object{key, len(objects[key])})
				if page.IsTruncated {
					page.NextContinuationToken = key
				}
			}
			if err := xml.NewEncoder(w).Encode(page); err != nil {
				t.Error(err)
			}
		case there:
			w.Header().Set("Last-Modified", "Mon, 10 Aug 2020 00:00:00 GMT")
			w.Header().Set("ETag", `"e"`)
			if length, rest, cut := strings.Cut(text, "\f"); cut { // a length, and less than that
				w.Header().Set("Content-Length", length)
				text = rest
			}
			io.WriteString(w, text)
		default:
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `<Error><Code>NoSuchKey</Code><Message>There is none.</Message></Error>`)
		}
	}))
	t.Cleanup(server.Close)
	return reports.S3{Endpoint: server.URL, AccessKey: "the-access-key", SecretKey: "the-secret-key"}
}

func TestReportsAreFoundInABucket(t *testing.T) {
	objects := tree()
	s3 := bucket(t, objects)
	for prefix, want := range lookups {
		if diff := cmp.Diff(want, found(t, "s3://customer/"+prefix, "s3://customer", s3)); diff != "" {
			t.Errorf("%s: %s", prefix, diff)
		}
	}
	files, err := reports.Find(t.Context(), "s3://customer", s3)
	if err != nil || len(files) != 5 || files[1].Name.Merchant != "BANGO_US" {
		t.Fatalf("%+v, %v", files, err)
	}
	delete(objects, strings.TrimPrefix(files[0].Location, "s3://customer/"))
	if stream, err := files[0].Open(t.Context()); err == nil || !strings.Contains(err.Error(), "There is none.") {
		t.Errorf("a file that has gone: %v, %v", stream, err)
	}
	for _, location := range []string{"s3://customer/EntitlementReports/none.csv", "s3://", "s3:///EntitlementReports"} {
		if files, err := reports.Find(t.Context(), location, s3); err == nil {
			t.Errorf("%s: %+v", location, files)
		}
	}
	s3.AccessKey = "another"
	if files, err := reports.Find(t.Context(), "s3://customer", s3); err == nil || !strings.Contains(err.Error(), "Not with this key.") {
		t.Errorf("with another key: %+v, %v", files, err)
	}
}

func TestADownloadThatBreaksOffIsNotTheEnd(t *testing.T) {
	const name = "AR_V1_D_20200810.csv"
	text := content("e-1")
	files, err := reports.Find(t.Context(), "s3://customer", bucket(t, map[string]string{name: strconv.Itoa(2*len(text)) + "\f" + text}))
	if err != nil || len(files) != 1 {
		t.Fatalf("%+v, %v", files, err)
	}
	stream, err := files[0].Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if _, wrong := read(t, stream); len(wrong) != 1 || wrong[0] != "end: unexpected EOF" {
		t.Errorf("%q", wrong)
	}
}

func TestTheBucketIsAskedOverTLSAndNowhereElse(t *testing.T) {
	asked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer elsewhere.Close()
	redirecting := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer redirecting.Close()
	s3 := reports.S3{Endpoint: redirecting.URL, AccessKey: "a", SecretKey: "s"}
	if _, err := reports.Find(t.Context(), "s3://customer", s3); err == nil || asked {
		t.Errorf("a redirect was followed: %v, %v", asked, err)
	}

	// A bare host means https: what answers in the clear is not believed.
	s3.Endpoint = strings.TrimPrefix(elsewhere.URL, "http://")
	if _, err := reports.Find(t.Context(), "s3://customer", s3); err == nil || asked {
		t.Errorf("asked without TLS: %v, %v", asked, err)
	}

	for _, endpoint := range []string{"", "http://s3.bango.example", "http://10.0.0.1:9000", "http://localhost.bango.example", "ftp://localhost",
		"https://", "https://user@s3.bango.example", "https://s3.bango.example/customer", "https://s3.bango.example?x"} {
		s3.Endpoint = endpoint
		_, err := reports.Find(t.Context(), "s3://customer", s3)
		if err == nil || !strings.Contains(err.Error(), "the endpoint") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
	for _, s3 := range []reports.S3{{}, {Endpoint: "s3.bango.example"}, {Endpoint: "s3.bango.example", AccessKey: "a"}} {
		if _, err := reports.Find(t.Context(), "s3://customer", s3); err == nil || !strings.Contains(err.Error(), "are required") {
			t.Errorf("%+v: %v", s3, err)
		}
	}
}
