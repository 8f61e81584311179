package front

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"spike/bench"
	"spike/bench/process"
)

const readyLimit = 15 * time.Second

// places are the places of nginx. Debian does not put it on a user's PATH.
var places = []string{"nginx", "/usr/sbin/nginx", "/sbin/nginx"}

// FindNginx returns the path of nginx. Its error wraps bench.ErrDependency.
func FindNginx() (string, error) {
	for _, place := range places {
		if path, err := exec.LookPath(place); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: nginx is not installed (`make deps` installs it)", bench.ErrDependency)
}

// Nginx is a running nginx.
type Nginx struct {
	*process.Process
	Addr string
}

// StartNginx writes a configuration below dir and runs it. nginx is ready when it answers a path that is no sale with status
// idle.
func StartNginx(ctx context.Context, dir, name, addr string, conf []byte, idle int) (*Nginx, error) {
	path, err := FindNginx()
	if err != nil {
		return nil, err
	}
	prefix := filepath.Join(dir, name)
	if err = os.MkdirAll(prefix, 0o755); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	file := filepath.Join(prefix, "nginx.conf")
	if err = os.WriteFile(file, conf, 0o644); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p, err := process.Start(context.WithoutCancel(ctx), process.Spec{Name: name, Path: path, Dir: dir,
		Args: []string{"-p", prefix, "-c", file, "-e", "stderr", "-g", "daemon off;"}})
	if err != nil {
		return nil, err
	}
	if err = p.ReadyAt(ctx, readyLimit, addr, process.Answers("http://"+addr+"/", idle)); err != nil {
		p.Stop()
		return nil, err
	}
	return &Nginx{p, addr}, nil
}

// CPU time of the master and its workers.
func (n *Nginx) CPU() (time.Duration, error) { return familyCPU(n.Process) }
