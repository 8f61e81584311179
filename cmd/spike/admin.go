package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// adminTokens are the tokens of an operators' side.
type adminTokens struct {
	AdminToken     string `placeholder:"TOKEN" help:"Bearer token of the operators' side; /healthz and /readyz want none. Needed off loopback. Better in SPIKE_ADMIN_TOKEN, or a file."`
	AdminTokenFile string `placeholder:"FILE" help:"Has such tokens in it, one a line; each is accepted."`
}

// tokens are all of them.
func (a adminTokens) tokens() ([]string, error) {
	var all []string
	if a.AdminToken != "" {
		all = append(all, a.AdminToken)
	}
	if a.AdminTokenFile == "" {
		return all, nil
	}
	text, err := os.ReadFile(a.AdminTokenFile)
	if err != nil {
		return nil, fmt.Errorf("%w: --admin-token-file: %w", errUsage, err)
	}
	lines := strings.Fields(string(text))
	if len(lines) == 0 {
		return nil, fmt.Errorf("%w: --admin-token-file: %s has no token", errUsage, a.AdminTokenFile)
	}
	return slices.Concat(all, lines), nil
}
