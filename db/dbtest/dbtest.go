// Package dbtest gives tests fresh databases on SQLite and on PostgreSQL. It starts a PostgreSQL cluster of its own on this machine where
// PostgreSQL is installed, once for a test binary, and takes it away with it.
package dbtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/db"
)

// Main is what a package's TestMain calls: it runs the tests, takes the cluster away and exits.
func Main(m *testing.M) {
	code := m.Run()
	if started != nil {
		started.stop()
	}
	os.Exit(code)
}

// Each runs a test on a fresh database of each engine, at the newest schema. database is its address for db.Open. PostgreSQL is skipped,
// with the reason, where it is not installed, and fails there when LATCHKEY_TEST_NO_SKIP is set. The package's TestMain must call Main.
func Each(t *testing.T, test func(t *testing.T, database string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite returns the address of a fresh SQLite database.
func SQLite(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "latchkey.db")
	if err := db.Migrate(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	return file
}

// Postgres returns the address of a fresh PostgreSQL database. It skips the test where there is no PostgreSQL.
func Postgres(t testing.TB) string {
	t.Helper()
	c, err := cluster()
	if errors.Is(err, errMissing) {
		if os.Getenv("LATCHKEY_TEST_NO_SKIP") != "" {
			t.Fatalf("may not be skipped: %v", err)
		}
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test%d", c.databases.Add(1))
	// A copy of a database that has the schema takes a fraction of the time of making the schema.
	if err := c.exec("CREATE DATABASE " + name + " TEMPLATE latchkey_template STRATEGY FILE_COPY"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.exec("DROP DATABASE " + name + " WITH (FORCE)") })
	return c.address(name)
}

var errMissing = errors.New("PostgreSQL is not installed here; on Debian: apt-get install postgresql")

var (
	start    sync.Once
	started  *postgres
	startErr error
)

func cluster() (*postgres, error) {
	start.Do(func() { started, startErr = startPostgres() })
	return started, startErr
}

// postgres is a running cluster.
type postgres struct {
	folder    string
	port      int
	server    *exec.Cmd
	alive     io.Closer // the server's guard stops it when this closes: by stop, or with this process however it ends
	databases atomic.Int64
	admin     sync.Mutex // one database is made at a time: a template may have no other user
}

func (p *postgres) address(name string) string {
	return fmt.Sprintf("postgres://latchkey:latchkey@127.0.0.1:%d/%s?sslmode=disable", p.port, name)
}

// exec runs one statement in the maintenance database.
func (p *postgres) exec(statement string) error {
	p.admin.Lock()
	defer p.admin.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.address("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

func (p *postgres) stop() {
	p.alive.Close()
	p.server.Wait()
}

// guard runs the server, stops it at once when its own standard input ends, and takes the folder away.
const guard = `folder=$1; shift; "$@" & server=$!; cat >/dev/null; kill -QUIT $server; wait $server; rm -rf "$folder"`

// programs returns the folder with PostgreSQL's programs, the newest version first.
func programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.SortFunc(found, func(a, b string) int { return versionOf(b) - versionOf(a) })
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", errMissing
	}
	return filepath.Dir(found[0]), nil
}

func versionOf(initdb string) int {
	version, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return version
}

func startPostgres() (*postgres, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "latchkey-postgres-")
	if err != nil {
		return nil, err
	}
	p := &postgres{folder: folder}
	as, err := unprivileged(folder)
	if err != nil {
		os.RemoveAll(folder)
		return nil, err
	}
	data, password := filepath.Join(folder, "data"), filepath.Join(folder, "password")
	if err := os.WriteFile(password, []byte("latchkey\n"), 0o644); err != nil {
		return nil, err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "latchkey", "--pwfile", password, "-A", "scram-sha-256",
		"-E", "UTF8", "--no-locale", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = as, folder
	if out, err := initdb.CombinedOutput(); err != nil {
		os.RemoveAll(folder)
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if p.port, err = freePort(); err != nil {
		return nil, err
	}
	// Tests of logic do not pull the plug; what is measured is measured on SQLite with its fsync.
	p.server = exec.Command("sh", "-c", guard, "guard", folder, filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(p.port), "-k", folder,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=300", "-c", "shared_buffers=64MB", "-c", "autovacuum=off")
	p.server.SysProcAttr, p.server.Dir = as, "/"
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.server.Stdout, p.server.Stderr = log, log
	if p.alive, err = p.server.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.server.Start(); err != nil {
		return nil, err
	}
	if err := p.prepare(); err != nil {
		said, _ := os.ReadFile(log.Name())
		p.stop()
		return nil, fmt.Errorf("PostgreSQL: %w\n%s", err, said)
	}
	return p, nil
}

// prepare waits until the server answers and makes the template that the tests' databases are copies of.
func (p *postgres) prepare() error {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := p.exec("CREATE DATABASE latchkey_template")
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			return err
		}
	}
	return db.Migrate(context.Background(), p.address("latchkey_template"))
}

// unprivileged lets a command run as somebody else where we are root, for whom PostgreSQL refuses to run, and makes the folder theirs.
func unprivileged(folder string) (*syscall.SysProcAttr, error) {
	as := &syscall.SysProcAttr{}
	if os.Geteuid() != 0 {
		return as, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			return nil, fmt.Errorf("PostgreSQL does not run as root, and there is nobody else: %w", err)
		}
	}
	uid, err := strconv.ParseUint(who.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(who.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return as, os.Chown(folder, int(uid), int(gid))
}

// freePort returns a port of this machine below the range from which the system hands out ports to clients.
func freePort() (int, error) {
	for port := 21000 + os.Getpid()%4000; port < 32768; port++ {
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			listener.Close()
			return port, nil
		}
		if !strings.Contains(err.Error(), "in use") {
			return 0, err
		}
	}
	return 0, errors.New("no free port below 32768")
}
