package pgtest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"spike/bench/process"
)

// Pooler starts a PgBouncer in front of the server. After each transaction its session may serve another client. Settings are
// lines of its configuration. Pooler returns the URL through it.
func (s *Server) Pooler(t testing.TB, settings string) string {
	t.Helper()
	port := freePort(t)
	users, file := filepath.Join(s.dir, "users.txt"), filepath.Join(s.dir, "pooler."+port+".ini")
	text := fmt.Sprintf("[databases]\npostgres = host=127.0.0.1 port=%s dbname=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"+
		"listen_port = %s\nunix_socket_dir =\nauth_type = trust\nauth_file = %s\npool_mode = transaction\n"+
		"default_pool_size = 2\nserver_round_robin = 1\nserver_login_retry = 1\n%s\n", s.port, port, users, settings)
	for name, text := range map[string]string{users: `"spike" ""` + "\n", file: text} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd, log := s.command("pgbouncer", file), &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("PgBouncer:\n%s", log)
		}
	})
	addr := "127.0.0.1:" + port
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
			err = process.Listens(cmd.Process.Pid, addr)
		}
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("PgBouncer does not answer: %v", err)
		}
	}
	return "postgres://spike@" + addr + "/postgres"
}
