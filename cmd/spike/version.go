package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// Set by the linker. The commit and its date are else what Go has noted, if it built this in a checkout of git.
var (
	version = "unknown"
	commit  string
	date    string
)

// VersionCmd prints the version.
type VersionCmd struct{ outputFlag }

// Run prints it.
func (c *VersionCmd) Run() error {
	b := thisBuild()
	return c.print(b, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, b)
		return err
	})
}

// build is what this program was built from.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Date    string `json:"date"` // of the commit
	Go      string `json:"go"`
}

// thisBuild is what the linker and Go have noted.
func thisBuild() build {
	noted := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			noted[s.Key] = s.Value
		}
	}
	return build{Version: version, Go: runtime.Version(), Commit: cmp.Or(commit, noted["vcs.revision"], "unknown"),
		Date: cmp.Or(date, noted["vcs.time"], "unknown")}
}

func (b build) String() string {
	return fmt.Sprintf("spike %s, commit %.12s, date %s, %s", b.Version, b.Commit, b.Date, b.Go)
}
