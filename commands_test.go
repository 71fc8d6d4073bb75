package main

import (
	"context"
	"database/sql"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"latchkey/db"
	"latchkey/resale"
)

// inStore runs f on the store of a database.
func inStore(t *testing.T, database string, f func(ctx context.Context, store *db.Store)) {
	t.Helper()
	store, err := openStore(t.Context(), database, func(resale.Change) {}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	f(t.Context(), store)
}

func TestStaffAdd(t *testing.T) {
	env := map[string]string{"LATCHKEY_DATABASE": filepath.Join(t.TempDir(), "latchkey.db"), "LATCHKEY_PUBLIC_URL": "https://portal.example"}
	exit, out, errs := run(t, env, "correct horse battery\n", "staff", "add", "Ana@Example.com", "--role", "agent", "--name", "Ana")
	if exit != 0 || out != "ana@example.com can sign in as agent.\n" || errs != "" {
		t.Errorf("with a password: exit %d, %q, %q", exit, out, errs)
	}
	exit, out, errs = run(t, env, "", "staff", "add", "sam@example.com", "--role", "supervisor")
	if exit != 0 || !regexp.MustCompile(`\nhttps://portal\.example/setup/[A-Z2-7]{26}\n$`).MatchString(out) || errs != "" {
		t.Errorf("without a password: exit %d, %q, %q", exit, out, errs)
	}
	inStore(t, env["LATCHKEY_DATABASE"], func(ctx context.Context, store *db.Store) {
		ana, err := store.StaffByEmail(ctx, "ana@example.com")
		if err != nil || ana.Role != resale.Agent || ana.Name != "Ana" || strings.Contains(ana.PasswordHash, "horse") || ana.PasswordHash == "" {
			t.Errorf("stored %+v, %v", ana, err)
		}
		sam, err := store.StaffByEmail(ctx, "sam@example.com")
		if err != nil || sam.PasswordHash != "" {
			t.Errorf("stored %+v, %v", sam, err)
		}
	})
	for _, tt := range []struct {
		password string
		args     []string
		words    []string
	}{
		{"correct horse battery\n", []string{"ana@example.com", "--role", "agent"}, []string{"ana@example.com", "already"}},
		{"correct horse battery\n", []string{"new@example.com", "--role", "king"}, []string{"king", "viewer", "admin"}},
		{"correct horse battery\n", []string{"nobody", "--role", "agent"}, []string{"nobody", "e-mail"}},
		{"s3cret\n", []string{"new@example.com", "--role", "agent"}, []string{"15 characters"}},
	} {
		exit, out, errs := run(t, env, tt.password, append([]string{"staff", "add"}, tt.args...)...)
		if exit != 1 || out != "" {
			t.Errorf("%v: exit %d, %q", tt.args, exit, out)
		}
		oneLine(t, errs, tt.words...)
	}
}

func TestImports(t *testing.T) {
	folder := t.TempDir()
	env := map[string]string{"LATCHKEY_DATABASE": filepath.Join(folder, "latchkey.db")}
	file := func(content string) string {
		name := filepath.Join(folder, "file.csv")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	const customers, catalogue = "customerIdentifier,name,email,phone\n", "merchantAccountKey,merchantName,productKey,productName,offerKey,offerName\n"
	for _, tt := range []struct{ kind, content, says string }{
		{"customers", "\ufeff" + customers + "c-1,Zoë,zoe@example.com,+44 20 7946 0001\r\nc-2,\"Doe, Jane\",,\n", "Customers: 2 added, 0 changed.\n"},
		{"customers", customers + "c-1,Zoë Example,zoe@example.com,\nc-2,\"Doe, Jane\",,\n", "Customers: 0 added, 1 changed.\n"},
		{"catalogue", catalogue + "BANGO,Bango,BangoMusic,Bango Music,,\nBANGO,Bango,BangoMusic,Bango Music,TestOffer,Test offer\n", "Catalogue lines: 2 taken over.\n"},
	} {
		if exit, out, errs := run(t, env, "", "import", tt.kind, file(tt.content)); exit != 0 || out != tt.says || errs != "" {
			t.Errorf("%q: exit %d, %q, %q", tt.content, exit, out, errs)
		}
	}
	for _, tt := range []struct {
		kind, content string
		words         []string
	}{
		{"customers", "", []string{"empty", "customerIdentifier,name,email,phone"}},
		{"customers", "name,email\n", []string{"Line 1", "customerIdentifier,name,email,phone", "name,email"}},
		{"customers", customers + "c-9,Nine,,\nc-10,Ten\n", []string{"Line 3", "2 columns, not 4"}},
		{"customers", customers + "c-9,Nine,,\n,Nobody,,\n", []string{"Line 3, column 1", "customerIdentifier"}},
		{"customers", customers + "c-9,Nine,nine,\n", []string{"Line 2, column 10 (email)", "nine"}},
		{"customers", customers + "c-9,\"Nine\nof nine\",,12x\n", []string{"Line 3, column 11 (phone)", "12x"}},
		{"customers", customers + "c-9,,,\nc-9,,,\n", []string{"Line 3", "c-9", "line 2 already"}},
		{"customers", customers + "c-9,\"Nine,,\n", []string{"not CSV", "line"}},
		{"customers", customers + "c-9,\xff\xfe,,\n", []string{"Line 2", "name"}},
		{"catalogue", catalogue + "BANGO,Bango,,Bango Music,,\n", []string{"Line 2", "productKey", "missing"}},
		{"catalogue", catalogue + "BANGO,Bango,X,,,Half price\n", []string{"Line 2", "offerKey"}},
	} {
		exit, out, errs := run(t, env, "", "import", tt.kind, file(tt.content))
		if exit != 1 || out != "" {
			t.Errorf("%q: exit %d, %q", tt.content, exit, out)
		}
		oneLine(t, errs, append(tt.words, "nothing of", "file.csv")...)
	}
	exit, _, errs := run(t, env, "", "import", "customers", filepath.Join(folder, "missing.csv"))
	if exit != 1 {
		t.Errorf("a missing file: exit %d", exit)
	}
	oneLine(t, errs, "missing.csv")

	inStore(t, env["LATCHKEY_DATABASE"], func(ctx context.Context, store *db.Store) {
		if n, err := store.CustomerCount(ctx); n != 2 || err != nil {
			t.Errorf("%d customers, %v: a file that was refused left something behind", n, err)
		}
		zoe, err := store.CustomerByIdentifier(ctx, "c-1")
		if err != nil || zoe.Name != "Zoë Example" || zoe.Phone != "" {
			t.Errorf("stored %+v, %v", zoe, err)
		}
		products, err := store.Products(ctx)
		if err != nil || len(products) != 1 || len(products[0].Offers) != 1 {
			t.Errorf("stored %+v, %v", products, err)
		}
	})
}

func TestMigrate(t *testing.T) {
	database := filepath.Join(t.TempDir(), "latchkey.db")
	for range 2 {
		if exit, out, errs := run(t, nil, "", "migrate", "--database", database); exit != 0 || out != "The database has the newest schema.\n" || errs != "" {
			t.Errorf("exit %d, %q, %q", exit, out, errs)
		}
	}
	raw, err := sql.Open("sqlite", database)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"migrate", "--database", database}, {"staff", "add", "a@b.example", "--role", "agent", "--database", database}} {
		exit, _, errs := run(t, nil, "correct horse battery\n", args...)
		if exit != 1 {
			t.Errorf("%v on a newer schema: exit %d", args, exit)
		}
		oneLine(t, errs, "newer")
	}
}

func TestServeSaysWhatTheDatabaseIsNot(t *testing.T) {
	folder := t.TempDir()
	garbage := filepath.Join(folder, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("this is not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, database := range []string{garbage, folder} {
		exit, _, errs := run(t, map[string]string{"LATCHKEY_BANGO_USERNAME": "u", "LATCHKEY_BANGO_PASSWORD": "s3cret"}, "", "serve",
			"--database", database, "--listen", freeAddress(t))
		if exit != 1 {
			t.Errorf("%s: exit %d", database, exit)
		}
		oneLine(t, errs, database)
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	env := map[string]string{"LATCHKEY_BANGO_USERNAME": "u", "LATCHKEY_BANGO_PASSWORD": "s3cret", "LATCHKEY_DATABASE": filepath.Join(t.TempDir(), "latchkey.db")}
	for _, args := range [][]string{{"serve", "--listen", address}, {"sandbox", "--listen", address}, {"demo", "--listen", address}} {
		exit, _, errs := run(t, env, "", args...)
		if exit != 1 {
			t.Errorf("%v: exit %d", args, exit)
		}
		oneLine(t, errs, address, "in use")
	}
	if exit, _, errs := run(t, env, "", "demo", "--listen", "0.0.0.0:8080"); exit != 1 || !strings.Contains(errs, "this machine alone") {
		t.Errorf("a demo for everybody: exit %d, %q", exit, errs)
	}
}
