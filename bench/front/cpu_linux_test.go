package front

import (
	"context"
	"os"
	"testing"
	"time"

	"spike/bench/process"
)

func TestFamily(t *testing.T) {
	for stat, want := range map[string][2]int{
		"7 (nginx) S 3 7 7":                   {7, 3},
		"12 (a name) with) more) S 4 12":      {12, 4},
		"7 (cut":                              {7, 0}, // nobody's child
		"9 (nginx: worker process) R 8 9 9 0": {9, 8},
	} {
		if pid, parent := family(stat); [2]int{pid, parent} != want {
			t.Errorf("%q: %d, %d", stat, pid, parent)
		}
	}
}

// A worker's CPU time counts for its family, though the master did nothing.
func TestAWorkersCPUIsItsFamilys(t *testing.T) {
	p, err := process.Start(context.Background(), process.Spec{Name: "sh", Path: "/bin/sh", Dir: t.TempDir(),
		Args: []string{"-c", "(while :; do :; done) & wait"}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	defer endChildren(t, p)
	const enough = 200 * time.Millisecond
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		all, err := familyCPU(p)
		if err != nil {
			t.Fatal(err)
		}
		alone, err := p.CPU()
		if err != nil {
			t.Fatal(err)
		}
		if all > enough && alone < all/2 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("family %v, alone %v", all, alone)
		}
	}
}

func endChildren(t *testing.T, p *process.Process) {
	pids, err := childrenOf(p.PID())
	if err != nil || len(pids) != 1 {
		t.Errorf("children %v, %v", pids, err)
	}
	for _, pid := range pids {
		if child, err := os.FindProcess(pid); err == nil {
			_ = child.Kill()
		}
	}
}
