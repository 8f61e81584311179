package bench

import (
	"errors"
	"fmt"
	"os/exec"
)

// ErrDependency says that something a benchmark needs is not on this machine or did not come up:
// a tool that is not installed, a server that does not answer. The command line turns it into exit code 3.
var ErrDependency = errors.New("a dependency is missing")

// ErrUsage says that a benchmark was asked for that makes no sense. The command line turns it into exit code 2.
var ErrUsage = errors.New("bench usage")

// packages names what `make deps` installs for each tool.
var packages = map[string]string{
	"ab":           "apache2-utils",
	"redis-server": "redis-server",
	"wrk":          "wrk",
}

// Tool returns the path of an installed program, or an error wrapping [ErrDependency] that says what to install.
func Tool(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	if pkg, ok := packages[name]; ok {
		return "", fmt.Errorf("%w: %s is not installed (Debian package %s; `make deps` installs it)", ErrDependency, name, pkg)
	}
	return "", fmt.Errorf("%w: %s is not installed", ErrDependency, name)
}
