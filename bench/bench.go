package bench

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"
)

// ErrDependency means that a benchmark needs a tool that is not installed, or a server that does not answer. The command line
// turns it into exit code 3.
var ErrDependency = errors.New("a dependency is missing")

// ErrUsage means that the options of a benchmark are wrong. The command line turns it into exit code 2.
var ErrUsage = errors.New("bench usage")

// packages names what `make deps` installs for each tool.
var packages = map[string]string{"ab": "apache2-utils", "nginx": "nginx", "redis-server": "redis-server", "wrk": "wrk"}

// Tool returns the path of an installed program. Debian puts servers on no user's PATH. Its error wraps [ErrDependency] and
// says what to install.
func Tool(name string) (string, error) {
	for _, place := range []string{"", "/usr/sbin/", "/sbin/"} {
		if path, err := exec.LookPath(place + name); err == nil {
			return path, nil
		}
	}
	if pkg, ok := packages[name]; ok {
		return "", fmt.Errorf("%w: %s is not installed (Debian package %s; `make deps` installs it)", ErrDependency, name, pkg)
	}
	return "", fmt.Errorf("%w: %s is not installed", ErrDependency, name)
}

// Sleep waits. It returns false if ctx ended first.
func Sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// Number writes n with a comma between thousands.
func Number[N int | int64 | uint64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural writes how many there are of something.
func Plural[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Number(n) + " " + noun + "s"
}
