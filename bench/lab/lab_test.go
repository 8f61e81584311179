//go:build lab

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"spike/bench/rig"
	"spike/bench/rig/rigtest"
)

// These tests drive the built binary (SPIKE_BIN) as root, and look at the machine before and after.

func binary(t *testing.T) string {
	t.Helper()
	bin := os.Getenv("SPIKE_BIN")
	if bin == "" {
		t.Fatal("SPIKE_BIN names no binary: make lab sets it")
	}
	return bin
}

// running is a lab under way.
type running struct {
	*exec.Cmd
	out *rigtest.Log
}

func start(t *testing.T, args ...string) running {
	t.Helper()
	r := running{exec.Command(binary(t), append([]string{"lab"}, args...)...), &rigtest.Log{}}
	r.Stdout, r.Stderr, r.WaitDelay = r.out, r.out, time.Second
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Process.Signal(syscall.SIGTERM)
		_ = r.Wait()
		if t.Failed() {
			t.Logf("it printed\n%s", r.out)
		}
	})
	return r
}

// end waits for the lab's end.
func (r running) end(t *testing.T, code int) string {
	t.Helper()
	if err := r.Wait(); err != nil && r.ProcessState == nil {
		t.Fatal(err)
	}
	if got := r.ProcessState.ExitCode(); got != code {
		t.Errorf("exit %d, not %d", got, code)
	}
	return r.out.String()
}

// until waits for a word in the output.
func (r running) until(t *testing.T, word string) {
	t.Helper()
	err := eventually(t.Context(), time.Minute, word, func() bool { return strings.Contains(r.out.String(), word) })
	if err != nil {
		t.Fatal(err)
	}
}

// calm is a topology without a death.
func calm(t *testing.T) string {
	t.Helper()
	topology := standardTopology()
	topology.Trials = []string{"calm"}
	file := filepath.Join(t.TempDir(), "calm.yaml")
	if err := write(file, topology.String()); err != nil {
		t.Fatal(err)
	}
	return file
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may make network namespaces")
	}
}

// machine is the host's own network, which a lab must not touch.
func machine(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, look := range []string{"ip -o link", "ip -o address", "ip route", "ip rule", "nft list ruleset", "ip netns list",
		"cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/all/rp_filter /proc/sys/net/ipv4/fib_multipath_hash_policy " +
			"/proc/sys/net/ipv4/conf/all/arp_ignore /proc/sys/net/ipv4/conf/all/send_redirects"} {
		words := strings.Fields(look)
		out, err := rig.Run(t.Context(), "", words[0], words[1:]...)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(look + "\n" + lasting(out))
	}
	return all.String()
}

// lasting is the text without times that run down, such as how long an address is still valid.
func lasting(text string) string {
	var all strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "valid_lft")
		all.WriteString(strings.TrimSpace(line) + "\n")
	}
	return all.String()
}

// traces is what a finished lab must not have left.
func traces(t *testing.T) (found []string) {
	t.Helper()
	all, err := rig.Places(t.Context(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range all {
		found = append(found, "namespace "+string(n))
	}
	for _, pattern := range []string{dir, filepath.Join(frrState, prefix+"*"), filepath.Join(frrState, graceful)} {
		files, _ := filepath.Glob(pattern)
		found = append(found, files...)
	}
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		where, _ := os.Readlink(filepath.Join(p, "cwd"))
		line, _ := os.ReadFile(filepath.Join(p, "cmdline"))
		if strings.HasPrefix(where, dir+"/") || bytes.Contains(line, []byte(prefix)) || bytes.Contains(line, []byte(dir+"/")) {
			found = append(found, "process "+p+" "+string(bytes.ReplaceAll(line, []byte{0}, []byte(" "))))
		}
	}
	return found
}

func spotless(t *testing.T, before string) {
	t.Helper()
	if found := traces(t); len(found) > 0 {
		t.Errorf("left behind:\n%s", strings.Join(found, "\n"))
	}
	if after := machine(t); after != before {
		t.Errorf("the machine was\n%s\nand is\n%s", before, after)
	}
}

// Every layer loses one part in full sale, and every sale sells exactly its units. Nothing is left, and the host's own network is
// unchanged.
// It proves G2.
func TestEveryLayersDeathLeavesExactlyNSold(t *testing.T) {
	needsRoot(t)
	before := machine(t)
	out := start(t, "--units", "2000").end(t, 0)
	t.Log("\n" + out)
	if strings.Contains(out, ErrSkipped.Error()) {
		t.Skip(out)
	}
	for _, want := range []string{"link r-d1", "d2 dies", "n1 is killed", "e4 is killed", "replica s2",
		"ok: every sale sold each of its units exactly once"} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing of %q", want)
		}
	}
	spotless(t, before)
}

// However a lab ends in full sale, nothing is left. A second lab never runs beside it.
func TestEndedLabLeavesNothing(t *testing.T) {
	needsRoot(t)
	before := machine(t)
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		first := start(t, "--units", "1000000", "--topology", calm(t))
		first.until(t, "calm  ")
		if out := start(t).end(t, 2); !strings.Contains(out, "another lab") {
			t.Errorf("a second lab said %s", out)
		}
		if err := first.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if out := first.end(t, 1); !strings.Contains(out, "interrupted") {
			t.Errorf("%v: it said %s", signal, out)
		}
		spotless(t, before)
	}
}

// A killed lab leaves its parts. The next lab removes them, and works.
func TestNextLabRemovesWhatAKilledOneLeft(t *testing.T) {
	needsRoot(t)
	before := machine(t)
	first := start(t, "--units", "1000000", "--topology", calm(t))
	first.until(t, "calm  ")
	_ = first.Process.Kill()
	_ = first.Wait()
	if len(traces(t)) == 0 {
		t.Fatal("a killed lab left nothing: this test shows nothing")
	}
	start(t, "--units", "200", "--topology", calm(t)).end(t, 0)
	spotless(t, before)
}

// The buyers' address goes with a director that ends, and with the last nginx, and the router notices. Logs are kept if they were
// asked for.
func TestAddressGoesWithWhoServesIt(t *testing.T) {
	needsRoot(t)
	before, logs := machine(t), t.TempDir()
	kept := start(t, "--keep", "--logs", logs, "--units", "200", "--topology", calm(t))
	kept.until(t, "it stands")
	p := newPlan(standardTopology())
	ways := func(want ...string) {
		if err := eventually(t.Context(), 10*time.Second, fmt.Sprint("the ways are ", want), func() bool {
			return slices.Equal(p.hops(t.Context()), want)
		}); err != nil {
			t.Error(err)
		}
	}
	ways("d1", "d2")
	for _, pid := range p.directors[1].Processes(t.Context()) {
		if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); bytes.Contains(line, []byte("lab-director")) {
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
	}
	ways("d1")
	for _, f := range p.fronts {
		f.Kill(t.Context())
	}
	ways()
	empty := func(log string) bool {
		text, _ := os.ReadFile(log)
		return strings.HasSuffix(string(text), livesWord+" \n")
	}
	if err := eventually(t.Context(), time.Second, "the director says so",
		func() bool { return empty(filepath.Join(dir, "d1", "director.log")) }); err != nil {
		t.Error(err)
	}
	_ = kept.Process.Signal(syscall.SIGTERM)
	kept.end(t, 0)
	if !empty(filepath.Join(logs, "d1", "director.log")) {
		t.Error("the director's log was not kept")
	}
	spotless(t, before)
}

// Without the rights a lab says so, and that is no failure.
func TestLabWithoutRightsIsSkipped(t *testing.T) {
	needsRoot(t)
	room, err := os.MkdirTemp("", "spike") // other users may not look into t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(room)
	copied := filepath.Join(room, "spike")
	if _, err = rig.Run(t.Context(), "", "cp", binary(t), copied); err != nil {
		t.Fatal(err)
	}
	if err = errors.Join(os.Chmod(room, 0o755), os.Chmod(copied, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied, "lab")
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "skipped: ") {
		t.Fatalf("%v: %s", err, out)
	}
}

// The programs that will read the printed configurations accept them.
func TestConfigurationsAreUnderstood(t *testing.T) {
	needsRoot(t)
	in := rig.Place(prefix + "configs")
	if err := in.Add(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Remove(context.WithoutCancel(t.Context())) }()
	if _, err := rig.Run(t.Context(), "link add up type bridge\nlink add lan type bridge\n", "ip", "-n", string(in), "-batch",
		"-"); err != nil {
		t.Fatal(err)
	}
	text, err := Print(standardTopology(), NFT)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = in.Run(t.Context(), text, "nft", "-f", "-"); err != nil {
		t.Error(err)
	}
	t.Run("keepalived", func(t *testing.T) {
		if _, err := exec.LookPath("keepalived"); err != nil {
			t.Skip("keepalived is not installed")
		}
		text, err := Print(standardTopology(), "keepalived")
		file := filepath.Join(t.TempDir(), "keepalived.conf")
		if err = errors.Join(err, write(file, text)); err != nil {
			t.Fatal(err)
		}
		if out, err := in.Run(t.Context(), "", "keepalived", "-t", "-f", file); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}
