package lab

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"spike/bench"
	"spike/bench/rig"
)

var (
	//go:embed ospf.conf.tmpl
	ospfText string
	//go:embed bfd.conf.tmpl
	bfdText string
	//go:embed zebra.conf.tmpl
	zebraText string

	// frr is the daemons of a speaker, in their order of start: the others talk to zebra.
	frr = []daemon{newDaemon("zebra", zebraText), newDaemon("bfdd", bfdText), newDaemon("ospfd", ospfText)}
)

// daemon is a part of FRR, and its configuration.
type daemon struct {
	name string
	conf *template.Template
}

func newDaemon(name, text string) daemon {
	return daemon{name, template.Must(template.New(name).Option("missingkey=error").Parse(text))}
}

// speaker is a machine that speaks OSPF.
type speaker struct {
	Name, ID  string
	Links     []string // its interfaces towards other speakers
	Announces bool     // it announces the address on lo
	BFD       BFD
}

func (p plan) routerSpeaks() speaker {
	s := speaker{Name: p.router.name, ID: routerAddr, BFD: p.BFD}
	for _, d := range p.directors {
		s.Links = append(s.Links, d.name)
	}
	return s
}

func (p plan) directorSpeaks(d host) speaker {
	return speaker{Name: d.name, ID: d.up, Links: []string{"up"}, Announces: true, BFD: p.BFD}
}

// config is a daemon's configuration.
func (s speaker) config(d daemon) (string, error) {
	var b strings.Builder
	if err := d.conf.Execute(&b, s); err != nil {
		return "", fmt.Errorf("%s.conf: %w", d.name, err)
	}
	return b.String(), nil
}

// frrState is the folder of FRR's sockets, below a name of ours.
const frrState = "/var/run/frr"

// frrPlaces are the places of the daemons in Debian and elsewhere, off the PATH.
var frrPlaces = []string{"/usr/lib/frr", "/usr/libexec/frr", "/usr/sbin"}

func (d daemon) path() (string, error) {
	for _, place := range frrPlaces {
		if path, err := exec.LookPath(filepath.Join(place, d.name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: %s is not installed (Debian package frr)", bench.ErrDependency, d.name)
}

// speak starts FRR on a machine. The daemons change from root to their own user, so their files must be that user's.
func (s speaker) speak(ctx context.Context, in rig.Place, dir string) error {
	state := filepath.Join(frrState, string(in))
	if err := os.RemoveAll(state); err != nil { // left by a machine that died
		return fmt.Errorf("frr: %w", err)
	}
	for _, place := range []string{dir, state} {
		if err := frrs(place, mkdir(place)); err != nil {
			return err
		}
	}
	for _, d := range frr {
		if err := s.start(ctx, d, in, dir, state); err != nil {
			return err
		}
	}
	return nil
}

// start starts a daemon, and waits until it can be reached.
func (s speaker) start(ctx context.Context, d daemon, in rig.Place, dir, state string) error {
	path, err := d.path()
	if err != nil {
		return err
	}
	text, err := s.config(d)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, d.name+".conf")
	if err = frrs(file, write(file, text)); err != nil {
		return err
	}
	p := rig.Process{Spec: rig.Spec{Name: d.name, Path: path, Dir: dir, Place: in, Probe: there(filepath.Join(state, d.name+".vty")),
		Args: []string{"-N", string(in), "-f", file, "-i", filepath.Join(dir, d.name+".pid"), "-A", "127.0.0.1", "-P", "0",
			"--log", "stdout"}}}
	return p.Start(ctx)
}

// there is a probe that the file exists.
func there(file string) func(context.Context) error {
	return func(context.Context) error { _, err := os.Stat(file); return err }
}

// frrs gives a file to FRR's user, unless err says that it could not be made.
func frrs(file string, err error) error {
	if err != nil {
		return fmt.Errorf("frr: %w", err)
	}
	frr, err := user.Lookup("frr")
	if err != nil {
		return fmt.Errorf("%w: frr: %w", bench.ErrDependency, err)
	}
	uid, _ := strconv.Atoi(frr.Uid)
	gid, _ := strconv.Atoi(frr.Gid)
	return os.Chown(file, uid, gid)
}

// hops are the directors on the router's way to the buyers' address, in order.
func (p plan) hops(ctx context.Context) (names []string) {
	text, err := rig.Run(ctx, "", "ip", "-n", string(p.router.Place), "-j", "route", "show", p.Address.String())
	if err != nil {
		return nil // the route is gone, or not there yet
	}
	return hopsOf(text)
}

// hopsOf reads ip's output about one route. A single hop is in the route itself, several are in a list.
func hopsOf(text string) (names []string) {
	type hop struct {
		Dev   string   `json:"dev"`
		Flags []string `json:"flags"`
	}
	var routes []struct {
		hop
		Nexthops []hop `json:"nexthops"`
	}
	if json.Unmarshal([]byte(text), &routes) != nil {
		return nil
	}
	for _, r := range routes {
		for _, h := range append(r.Nexthops, r.hop) {
			if h.Dev != "" && !slices.Contains(h.Flags, "linkdown") && !slices.Contains(h.Flags, "dead") {
				names = append(names, h.Dev)
			}
		}
	}
	slices.Sort(names)
	return names
}

// upLimit is how long a part may take to start.
const upLimit = 20 * time.Second
