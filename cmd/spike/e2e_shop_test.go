//go:build e2e

package main

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
)

// TestShop starts examples/shop as `make shop` does, and plays its buyers in chromium: examples/shop/test/buyers.test.mjs says
// how.
func TestShop(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	tools := filepath.Join(root, ".ci", "npm")
	if _, err = os.Stat(filepath.Join(tools, "node_modules", "playwright-core")); err != nil {
		t.Fatalf("make e2e installs the browser's driver: %v", err)
	}
	env := startShop(t, filepath.Join(root, "examples", "shop"))
	play := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec",
		"examples/shop/test/spike.test.mjs", "examples/shop/test/buyers.test.mjs")
	play.Dir = root
	play.Env = append(env, "NODE_TOOLS="+tools)
	out, err := play.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// startShop builds the shop, starts all its parts, and returns the environment of its tests. At the test's end it must end all.
func startShop(t *testing.T, source string) (env []string) {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "shop"), ".")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	parts := map[string]string{"SHOP_LISTEN": rigtest.FreeAddr(t), "SHOP_EDGE": rigtest.FreeAddr(t),
		"SHOP_OPERATORS": rigtest.FreeAddr(t), "SHOP_ORDERS": rigtest.FreeAddr(t)}
	env = append(os.Environ(), "SPIKE="+binary(t), "SHOP="+filepath.Join(dir, "shop"), "SHOP_DIR="+filepath.Join(dir, "kept"),
		"SHOP_URL=http://"+parts["SHOP_LISTEN"], "SHOP_FOR=1200")
	for name, addr := range parts {
		env = append(env, name+"="+addr)
	}
	all := exec.Command(filepath.Join(source, "start"))
	all.Env = env
	said := &rigtest.Log{}
	all.Stderr = said
	out, err := all.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = all.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endShop(t, all, said, parts) })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "open http://") {
		t.Fatalf("it says %q: %v", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return env
}

// endShop ends the shop as ctrl-C does. No part may go on.
func endShop(t *testing.T, all *exec.Cmd, said *rigtest.Log, parts map[string]string) {
	_ = all.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(time.Minute, func() { _ = all.Process.Kill() })
	defer kill.Stop()
	if err := all.Wait(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	for name, addr := range parts {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			t.Errorf("%s (%s) goes on", name, addr)
		}
	}
}
