package report

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"spike/bench"
)

// Machine is where a run was made, and from what. Without it a number means nothing.
type Machine struct {
	CPU     string `json:"cpu"`
	Cores   int    `json:"cores"`
	OS      string `json:"os"`
	Kernel  string `json:"kernel"`
	Go      string `json:"go"`
	Commit  string `json:"commit"`
	Command string `json:"command"`
	Time    string `json:"time"` // when the run began, UTC
}

const unknown = "unknown"

// ThisMachine describes this machine and program.
func ThisMachine(ctx context.Context) Machine {
	return Machine{
		CPU: cpuModel(), Cores: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH, Kernel: said(ctx, "uname", "-sr"),
		Go: runtime.Version(), Commit: commit(), Command: command(os.Args),
		Time: time.Now().UTC().Format(time.RFC3339),
	}
}

// Line formats the machine as one line.
func (m Machine) Line() string {
	return strings.Join([]string{m.CPU, bench.Plural(m.Cores, "core"), m.Kernel, m.OS, m.Go}, ", ")
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return unknown
	}
	for line := range strings.Lines(string(b)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return unknown
}

// commit is the commit that this program was built from.
func commit() string {
	revision, dirty := unknown, ""
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return unknown
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = " with changes"
		}
	}
	return revision + dirty
}

// VersionOf is what a spike program says that it is.
func VersionOf(ctx context.Context, program string) string { return said(ctx, program, "version") }

// said is a program's output on one line. It is unknown if there is none or the program cannot run.
func said(ctx context.Context, program string, args ...string) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if text := strings.Join(strings.Fields(string(out)), " "); err == nil && text != "" {
		return text
	}
	return unknown
}

func command(args []string) string {
	return strings.Join(append([]string{filepath.Base(args[0])}, args[1:]...), " ")
}
