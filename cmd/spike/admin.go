package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// adminTokens are the tokens that operators may show.
type adminTokens struct {
	AdminToken     string `placeholder:"TOKEN" help:"${admin_token}"`
	AdminTokenFile string `placeholder:"FILE" help:"A file of such tokens, one a line. Each is accepted."`
}

// tokens returns all tokens.
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
