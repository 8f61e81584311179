package rig

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"spike/bench"
)

// Nginx is an nginx.
type Nginx struct {
	*Process
	Addr string
}

// NginxOptions say which nginx to make.
type NginxOptions struct {
	Name  string // empty: nginx
	Dir   string // its folder is made below; workers must be able to enter it, and may run as nobody
	Addr  string // where the configuration listens
	Conf  string // nginx.conf
	Idle  int    // the status of its answer at /, which costs nothing; 0: not asked
	Place Place
	User  *syscall.Credential // nil: this process' user
}

// NewNginx makes an nginx.
func NewNginx(o NginxOptions) (*Nginx, error) {
	o.Name = cmp.Or(o.Name, "nginx")
	path, err := bench.Tool("nginx")
	dir := filepath.Join(o.Dir, o.Name)
	file := filepath.Join(dir, "nginx.conf")
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(file, []byte(o.Conf), 0o644)
	}
	if err == nil && o.User != nil {
		err = os.Chown(dir, int(o.User.Uid), int(o.User.Gid))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	n := &Nginx{Addr: o.Addr, Process: &Process{Spec: Spec{Name: o.Name, Path: path, Dir: dir, Place: o.Place, User: o.User,
		Addrs: []string{o.Addr}, Args: []string{"-p", dir, "-c", file, "-e", "stderr", "-g", "daemon off;"}}}}
	if o.Idle != 0 {
		n.Probe = o.Place.Answers("http://"+o.Addr+"/", o.Idle)
	}
	return n, nil
}

// Topology is the file that nginx' configuration is made from, and that the gate reads.
type Topology struct {
	Listen  string
	Edges   []string // their addresses
	Weights []int    // one for each edge; nil: they weigh the same
	GateDir string   // empty: no gate
	Workers int      // 0: one for each CPU
	More    []string // further lines
}

func (t Topology) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "listen: %s\ngate_dir: %q\nworkers: %d\n", t.Listen, t.GateDir, t.Workers)
	for _, line := range t.More {
		fmt.Fprintln(&b, strings.TrimRight(line, "\n"))
	}
	fmt.Fprintln(&b, "edges:")
	for i, addr := range t.Edges {
		weight := 1
		if t.Weights != nil {
			weight = t.Weights[i]
		}
		fmt.Fprintf(&b, "  - {addr: %q, weight: %d}\n", addr, weight)
	}
	return b.String()
}

// Save writes the file below dir, and returns its name.
func (t Topology) Save(dir string) (file string, err error) {
	file = filepath.Join(dir, "topology.yaml")
	if err = os.WriteFile(file, []byte(t.String()), 0o644); err != nil {
		err = fmt.Errorf("topology: %w", err)
	}
	return file, err
}

// Conf is the nginx.conf that `spike nginx` makes of a topology's file.
func Conf(ctx context.Context, binary, file string) (string, error) {
	return Run(ctx, "", binary, "nginx", "--topology", file)
}

// FlagDir makes a folder that nginx' workers may enter, in memory if possible.
func FlagDir() (string, error) {
	dir, err := makeDir("/dev/shm", "gate", 0o755)
	if err != nil {
		return makeDir("", "gate", 0o755)
	}
	return dir, nil
}

// Room makes a folder for a run. nginx' workers and PostgreSQL may enter it, whichever user they are.
func Room(name string) (string, error) { return makeDir("", name, 0o711) }

func makeDir(parent, name string, mode os.FileMode) (string, error) {
	dir, err := os.MkdirTemp(parent, "spike-"+name+"-")
	if err == nil {
		err = os.Chmod(dir, mode)
	}
	if err != nil {
		return "", fmt.Errorf("folder for %s: %w", name, err)
	}
	return dir, nil
}
