package crowd

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"spike/bench"
)

// grace is how much longer than asked a tool may take: for connecting, and for the last answers.
const grace = 15 * time.Second

// launch runs a tool and returns what it printed. It is killed when ctx ends or limit is over.
func launch(ctx context.Context, limit time.Duration, tool string, args ...string) (string, error) {
	path, err := bench.Tool(tool)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err = cmd.Run(); err != nil {
		said := strings.TrimSpace(errs.String() + out.String())
		return "", fmt.Errorf("%s %s: %w: %s", tool, strings.Join(args, " "), err, lastLine(said))
	}
	return out.String(), nil
}

// with returns the arguments for headers, which wrk and ab take alike, and the URL.
func with(headers []string, url string) (args []string) {
	for _, h := range headers {
		args = append(args, "-H", h)
	}
	return append(args, url)
}

func lastLine(s string) string { return s[strings.LastIndexByte(s, '\n')+1:] }
