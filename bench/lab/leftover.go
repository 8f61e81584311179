package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"

	"spike/bench/rig"
)

// dir has a lab's files. It is on tmpfs, as gates like it, and only root can make it.
const dir = "/run/spikelab"

// keepLogs copies the files that a person may read, and neither rings nor sockets.
func keepLogs(from, to string) error {
	if to == "" {
		return nil
	}
	return filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !slices.Contains([]string{".conf", ".log", ".yaml"}, filepath.Ext(file)) {
			return err
		}
		name, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(file)
		return errors.Join(err, mkdir(filepath.Join(to, filepath.Dir(name))), write(filepath.Join(to, name), string(text)))
	})
}

// graceful is a file that ospfd leaves when it starts, under any name.
const graceful = "ospfd-gr.json"

// only makes sure that there is one lab at a time, because all labs use the same names. The kernel releases the lock of a killed
// lab.
func only() (release func(), err error) {
	l, err := net.Listen("unix", "@"+prefix+"lab")
	if err != nil {
		return nil, fmt.Errorf("%w: another lab stands on this machine", ErrUsage)
	}
	return func() { _ = l.Close() }, nil
}

// sweep removes everything with our names: processes, namespaces with all their links, FRR's sockets, files. So a lab removes
// what a killed one left.
func sweep(ctx context.Context) error {
	all, err := rig.Places(ctx, prefix)
	if err != nil {
		return err
	}
	var gone []func() error
	for _, n := range all {
		gone = append(gone, func() error { return n.Remove(ctx) })
	}
	failed := []error{together(gone...)}
	found, err := filepath.Glob(filepath.Join(frrState, prefix+"*"))
	failed = append(failed, err)
	for _, f := range append(found, dir) {
		failed = append(failed, os.RemoveAll(f))
	}
	if _, err := os.Stat(filepath.Join(frrState, "ospfd.vty")); err != nil { // else the file is of the machine's own FRR
		_ = os.Remove(filepath.Join(frrState, graceful))
	}
	return errors.Join(failed...)
}
