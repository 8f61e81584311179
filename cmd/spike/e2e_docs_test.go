//go:build e2e && !race

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDocsRun runs each page as it stands: its blocks in their order, in one bash, in a network of its own where the ports are
// as the page says. The page's folder is the repository as it is after `git clone` and `make build`.
func TestDocsRun(t *testing.T) {
	files := readTree(t)
	for _, file := range pages(files) {
		all, _ := blocks(files[file])
		if script := pageScript(all); script != "" {
			t.Run(file, func(t *testing.T) { t.Parallel(); runPage(t, files[file], script) })
		}
	}
}

// prelude is what a page's script begins with. Its functions have names that no page uses.
const prelude = `
set -euo pipefail
at() { echo "$1" >.at; }
listening() { ss -Hltn | wc -l; }
declare -A staying
ends() { pkill -P "${staying[$1]}" && wait "${staying[$1]}" || true; } # ends PROGRAM, which stays
stays() { # stays LOG PROGRAM COMMANDS: runs them beside the rest, and waits until they listen
    local before=$(listening) end=$((SECONDS + 240)) last
    (eval "$3") >"$1" 2>&1 </dev/null &
    local pid=$!
    staying[$2]=$pid
    while sleep 0.3; last=$now; now=$(listening); ((now <= before || now != last)); do
        kill -0 $pid 2>/dev/null || { echo "it has ended:"; cat "$1"; exit 1; }
        ((SECONDS < end)) || { echo "it does not listen:"; cat "$1"; exit 1; }
    done
}
says() { # says SECONDS COMMANDS PATTERN: runs them, again while they do not print what they should
    local end=$((SECONDS + $1))
    until { eval "$2"; } >.said 2>&1 </dev/null || true; [[ $(<.said) =~ ^$3$ ]]; do
        ((SECONDS < end)) || { printf 'it prints:\n%s\n' "$(<.said)"; exit 1; }
        sleep 0.5
    done
}
now=0
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
`

// pageScript returns the bash script that is the page. It is empty where the page has nothing to run.
func pageScript(all []block) string {
	var s strings.Builder
	for _, b := range all {
		fmt.Fprintf(&s, "at %d\n", b.line)
		switch {
		case b.arg == "host" || b.lang == "json" && b.arg == "" || b.lang == "text" && b.arg == "":
		case b.lang == "sh" && (b.arg == "stays" || b.arg == "restarts"):
			if b.arg == "restarts" {
				fmt.Fprintf(&s, "ends %s\n", quoted(b.program()))
			}
			fmt.Fprintf(&s, "stays .log.%d %s %s\n", b.line, quoted(b.program()), quoted(b.text))
		case b.lang == "sh":
			s.WriteString(b.text)
		case b.lang == "console":
			writeConsole(&s, b)
		default:
			fmt.Fprintf(&s, "mkdir -p %[1]s\ncat >%[2]s <<'end of the file'\n%[3]send of the file\n", filepath.Dir(b.arg), b.arg, b.text)
		}
	}
	if strings.Trim(regexp.MustCompile(`(?m)^at \d+$`).ReplaceAllString(s.String(), ""), "\n") == "" {
		return ""
	}
	return prelude + s.String()
}

// program is the first two words of the block's command, as "spike serve".
func (b block) program() string {
	words := strings.Fields(b.text)
	return strings.Join(words[:min(2, len(words))], " ")
}

func writeConsole(s *strings.Builder, b block) {
	seconds := 0
	if b.arg == "soon" {
		seconds = 60
	}
	commands, outputs := b.commandsOf()
	for i, c := range commands {
		fmt.Fprintf(s, "says %d %s %s\n", seconds, quoted(c), quoted(outputPattern(outputs[i])))
	}
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// outputPattern returns the extended regular expression of what a command prints.
func outputPattern(output string) string {
	var parts []string
	for _, line := range strings.Split(strings.TrimRight(output, "\n"), "\n") {
		if strings.TrimSpace(line) == "…" {
			parts = append(parts, ".*")
			continue
		}
		line = regexp.MustCompile(`[][\\.*+?^$(){}|]`).ReplaceAllString(line, `\$0`)
		parts = append(parts, strings.ReplaceAll(line, "…", "[^\n]*"))
	}
	return strings.Join(parts, "\n")
}

func TestOutputPattern(t *testing.T) {
	for _, c := range []struct {
		output, printed string
		want            bool
	}{
		{"a.b\n", "a.b", true}, {"a.b\n", "axb", false}, {"", "", true}, {"", "x", false},
		{"serial …, of 5", "serial 17, of 5", true}, {"serial …, of 5", "serial 17\n, of 5", false},
		{"one\n…\nfour", "one\ntwo\nthree\nfour", true}, {`{"n":[1]}`, `{"n":[1]}`, true}, {`{"n":[1]}`, `{"n":1}`, false},
	} {
		script := prelude + "says 0 " + quoted("printf %s "+quoted(c.printed)) + " " + quoted(outputPattern(c.output))
		cmd := exec.Command("bash", "-c", script)
		cmd.Dir = t.TempDir()
		if out, err := cmd.CombinedOutput(); (err == nil) != c.want {
			t.Errorf("%q for %q: %v\n%s", c.printed, c.output, err, out)
		}
	}
}

// pagePatience is how long a page may run on a busy machine.
const pagePatience = 8 * time.Minute

func runPage(t *testing.T, page, script string) {
	dir := pageFolder(t)
	ctx, cancel := context.WithTimeout(t.Context(), pagePatience)
	defer cancel()
	command := append(ownNetwork(t), asUser(t, dir, page)...)
	cmd := exec.CommandContext(ctx, command[0], append(command[1:], "bash", "-c", script)...)
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(os.Environ(), "HOME="+home(page, dir), "PATH="+dir+"/bin:"+os.Getenv("PATH")+":/usr/sbin:/sbin")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	end := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // what the page started, too
	cmd.Cancel, cmd.WaitDelay = end, 10*time.Second
	err := cmd.Run()
	_ = end()
	if err != nil {
		at, _ := os.ReadFile(filepath.Join(dir, ".at"))
		t.Fatalf("line %s: %v\n%s", bytes.TrimSpace(at), err, tail(out.String()))
	}
}

func tail(text string) string {
	const most = 4000
	return text[max(0, len(text)-most):]
}

// ownNetwork is the command that runs another in a network of its own. Where this machine lets nobody have one, the test is
// skipped.
func ownNetwork(t *testing.T) []string {
	t.Helper()
	command := []string{"unshare", "--net"}
	if os.Getuid() != 0 {
		command = append(command, "--user", "--map-current-user", "--keep-caps")
	}
	command = append(command, "--", "sh", "-c", `ip link set lo up && exec "$@"`, "sh")
	if out, err := exec.Command(command[0], append(command[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("no network of its own for a page: %v %s", err, out)
	}
	return command
}

// needsGo says whether a page builds Spike. Such a page runs as the test's own user, whose home has Go's caches.
func needsGo(page string) bool { return strings.Contains(page, "\nmake run") }

// asUser is the command that runs another as an ordinary user, whose is the folder: PostgreSQL refuses to run as root.
func asUser(t *testing.T, dir, page string) []string {
	t.Helper()
	if os.Getuid() != 0 || needsGo(page) {
		return nil
	}
	const nobody = 65534
	err := filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, nobody, nobody)
	})
	if err != nil {
		t.Fatal(err)
	}
	id := strconv.Itoa(nobody)
	return []string{"setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--"}
}

func home(page, dir string) string {
	if needsGo(page) {
		return os.Getenv("HOME")
	}
	return dir
}

// pageFolder makes a folder with the repository's files and the built binary.
func pageFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "spike-page-") // t.TempDir would lock out the other user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	copied := exec.Command("bash", "-c", `set -o pipefail; cd "$1"; git ls-files -coz --exclude-standard |
		while IFS= read -rd '' f; do [[ ! -e $f ]] || printf '%s\0' "$f"; done | tar --null -cT - | tar -xC "$2"
		chmod 755 "$2"`, "copy", root, dir)
	if out, err := copied.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err = os.MkdirAll(dir+"/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	copyFile(t, binary(t), dir+"/bin/spike")
	return dir
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = io.Copy(out, in); err == nil {
		err = out.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
