//go:build !race

package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// What a word may become, as CompleteCmd is asked.
func TestComplete(t *testing.T) {
	var c cli
	app := newParser(&c).Model.Node
	for _, c := range []struct{ typed, offers string }{
		{"sa", "sale"},
		{"sale re", "resume reopen remove"},
		{"sale list --na", "--names"},
		{"sale list -o ", "text json table"},
		{"sale list --output ", "text json table"},
		{"sale list --output=j", "--output=json"},
		{"sale list --redis 127.0.0.1:6379 -o j", "json"},
		{"sale list --redis=127.0.0.1:6379 -o j", "json"},
		{"sale list --json -o j", "json"},
		{"serve --ack ", "edge redis"},
		{"serve --log-", "--log-level --log-format"},
		{"serve --log-format ", "text json"},
		{"serve --data ", ""}, // the shell offers files
		{"completion ", "bash zsh fish"},
		{"completion bash ", ""},
		{"help sale cr", "create"},
		{"help hel", "help"},
		{"bench --qui", "--quick"}, // of its default command
		{"bench strategies --nev", "--never-pay"},
		{"sale create ticket --limit", "--limit-per-buyer"},
		{"lab-", ""},
		{"__", ""},
		{"nothing such ", ""},
		{"--vers", "--version"},
	} {
		var offers []string
		for _, o := range complete(app, strings.Split(c.typed, " ")) {
			offers = append(offers, o.word)
		}
		if got := strings.Join(offers, " "); got != c.offers {
			t.Errorf("%q becomes %q, not %q", c.typed, got, c.offers)
		}
	}
	if all := complete(app, nil); !slices.ContainsFunc(all, func(o offer) bool { return o.word == "serve" && o.means != "" }) {
		t.Errorf("of nothing comes %v", all)
	}
}

// shells are real shells, and how each is made ready for a user.
var shells = []struct {
	name string
	args []string
	rc   string
}{
	{"bash", []string{"--noprofile", "--norc", "-i"}, "PS1='read''y> '; source <(spike completion bash)"},
	{"zsh", []string{"-f", "-i"}, "PS1='read''y> '; source <(spike completion zsh)"},
	{"fish", []string{"--no-config", "-i"}, "function fish_prompt; echo -n 'read''y> '; end; spike completion fish | source"},
}

// Each shell completes commands, flags, values and files when a user types a tab.
func TestShellsComplete(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			path, err := exec.LookPath(shell.name)
			if err != nil {
				t.Skipf("%s is not installed: make deps", shell.name)
			}
			s := startShell(t, path, shell.args)
			s.enter(t, shell.rc)
			select {
			case <-s.ready:
			case <-time.After(time.Minute):
				t.Fatal("it does not get ready")
			}
			for _, c := range []struct{ keys, ran string }{
				{"sal\tlist", "sale list"},
				{"sale lis\t", "sale list"},
				{"sale list --nam\t", "sale list --names"},
				{"sale list -o j\t", "sale list -o json"},
				{"sale list --output=j\t", "sale list --output=json"},
				{"sale list --redis 127.0.0.1:6379 --nam\t", "sale list --redis 127.0.0.1:6379 --names"},
				{"serve --ack e\t--lang z\t", "serve --ack edge --lang zh"},
				{"serve --data some-fo\t", "serve --data some-folder"},
				{"help sale cr\t", "help sale create"},
			} {
				if ran := s.run(t, "spike "+c.keys); ran != c.ran {
					t.Errorf("%q runs spike %s, not spike %s", c.keys, ran, c.ran)
				}
			}
		})
	}
}

// userShell is a shell on a pseudo-terminal. The spike that it runs notes its arguments, but for what completion asks.
type userShell struct {
	terminal *os.File
	notes    string
	ready    chan struct{} // closed with the first prompt
}

const noting = `#!/bin/sh
case $1 in
__complete | completion) exec "$REAL" "$@" ;;
*) printf '%s\n' "$*" >"$NOTES" ;;
esac
`

func startShell(t *testing.T, path string, args []string) *userShell {
	dir := t.TempDir()
	s := &userShell{notes: filepath.Join(dir, "notes"), ready: make(chan struct{})}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "spike"), []byte(noting), 0o700),
		os.Mkdir(filepath.Join(dir, "some-folder"), 0o700)); err != nil {
		t.Fatal(err)
	}
	spike, err := exec.LookPath("spike") // which TestMain has made
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "TERM=xterm", "REAL=" + spike, "NOTES=" + s.notes}
	if s.terminal, err = pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 200}); err != nil {
		t.Fatal(err)
	}
	reading := make(chan struct{})
	go s.read(reading)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = s.terminal.Close()
		<-reading
	})
	return s
}

// read reads what the shell writes, as long as it lives.
func (s *userShell) read(done chan<- struct{}) {
	defer close(done)
	all := bufio.NewReader(s.terminal)
	ready := sync.OnceFunc(func() { close(s.ready) })
	for seen := ""; ; {
		c, err := all.ReadByte()
		if err != nil {
			return
		}
		if seen += string(c); strings.HasSuffix(seen, "ready> ") {
			ready()
		}
	}
}

// enter types a line.
func (s *userShell) enter(t *testing.T, keys string) {
	t.Helper()
	if _, err := s.terminal.WriteString(keys + "\r"); err != nil {
		t.Fatal(err)
	}
}

// run types a line that runs spike, and returns with what arguments spike was run.
func (s *userShell) run(t *testing.T, keys string) string {
	t.Helper()
	s.enter(t, keys)
	for range 600 {
		if text, err := os.ReadFile(s.notes); err == nil && strings.HasSuffix(string(text), "\n") {
			_ = os.Remove(s.notes)
			return strings.TrimSuffix(strings.TrimSpace(string(text)), "/")
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%q ran nothing", keys)
	return ""
}
