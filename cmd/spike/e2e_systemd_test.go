//go:build e2e

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// installServices writes the service units and the socket unit as they are on an edge's machine, with the built binary in place
// of the installed one.
func installServices(t *testing.T) (files []string) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed: make deps installs it on Debian")
	}
	all, err := filepath.Glob(deploy + "/systemd/*.s*e*")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, file := range all {
		if ext := filepath.Ext(file); ext != ".service" && ext != ".socket" {
			continue
		}
		name := filepath.Join(dir, strings.Replace(filepath.Base(file), "@.", "@3001.", 1))
		write(t, name, strings.ReplaceAll(read(t, file), "/usr/bin/spike", binary(t)))
		files = append(files, name)
	}
	if len(files) != 5 {
		t.Fatalf("%q", files)
	}
	return files
}

// systemd understands every line of its files.
func TestServiceFilesAreUnderstood(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("systemd-analyze", append([]string{"verify"}, installServices(t)...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// Each service may do little: its exposure is 2.0 at the most, of 10.
func TestServicesAreTight(t *testing.T) {
	t.Parallel()
	for _, file := range installServices(t) {
		if filepath.Ext(file) != ".service" {
			continue
		}
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", file).CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Log(lines[len(lines)-1])
		if err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}

// The services' user is one that systemd-sysusers makes.
func TestServicesUserIsMade(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-sysusers"); err != nil {
		t.Skip("systemd-sysusers is not installed")
	}
	root := t.TempDir()
	if err := os.MkdirAll(root+"/etc", 0o755); err != nil {
		t.Fatal(err)
	}
	conf, err := filepath.Abs(deploy + "/systemd/spike.sysusers.conf")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-sysusers", "--root="+root, conf).CombinedOutput()
	if err != nil || !strings.Contains("\n"+read(t, root+"/etc/passwd"), "\nspike:") {
		t.Errorf("%v %s", err, out)
	}
}
