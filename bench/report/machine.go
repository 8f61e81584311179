package report

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
		Go: runtime.Version(), Commit: commit(), Time: time.Now().UTC().Format(time.RFC3339),
		Command: strings.Join(append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...), " "),
	}
}

// Line formats the machine as one line.
func (m Machine) Line() string {
	return strings.Join([]string{m.CPU, bench.Plural(m.Cores, "core"), m.Kernel, m.OS, m.Go}, ", ")
}

var modelName = regexp.MustCompile(`(?m)^model name\s*:\s*(.*\S)`)

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // none: another system
	if m := modelName.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return unknown
}

// Commit is the commit that this program was built from, if its linker was told.
var Commit string

// commit is the linker's commit, else the one that Go has noted, which knows of changes.
func commit() string {
	noted := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			noted[s.Key] = s.Value
		}
	}
	name := cmp.Or(Commit, noted["vcs.revision"], unknown)
	if noted["vcs.modified"] == "true" {
		name += " with changes"
	}
	return name
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
