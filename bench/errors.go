package bench

import (
	"errors"
	"fmt"
	"os/exec"
)

// ErrDependency means that a benchmark needs a tool that is not installed, or a server that does not answer. The command line
// turns it into exit code 3.
var ErrDependency = errors.New("a dependency is missing")

// ErrUsage means that the options of a benchmark are wrong. The command line turns it into exit code 2.
var ErrUsage = errors.New("bench usage")

// packages names what `make deps` installs for each tool.
var packages = map[string]string{
	"ab":           "apache2-utils",
	"redis-server": "redis-server",
	"wrk":          "wrk",
}

// Tool returns the path of an installed program. Its error wraps [ErrDependency] and says what to install.
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
