package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/alecthomas/kong"

	"spike/nginx/strictyaml"
)

// configFile is a YAML file that says what flags say, by their names. Flags and environment go before it.
type configFile string

// BeforeResolve reads the file, once the command line has named it.
func (configFile) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	file, _ := ctx.FlagValue(trace.Flag).(configFile)
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(string(file))
	if err != nil {
		return fmt.Errorf("%w: --config: %w", errUsage, err)
	}
	settings := map[string]any{}
	if err := strictyaml.Decode(text, &settings); err != nil {
		return fmt.Errorf("%w: --config %s: %w", errUsage, file, err)
	}
	if err := known(settings, ctx.Selected()); err != nil {
		return fmt.Errorf("%w: --config %s: %w", errUsage, file, err)
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs {
			if _, set := os.LookupEnv(name); set {
				return nil, nil
			}
		}
		return settings[flag.Name], nil
	}))
	return nil
}

// known refuses settings that are no flag of the command, and names the one that was meant.
func known(settings map[string]any, command *kong.Node) error {
	var names []string
	for _, flag := range command.Flags {
		if flag.Name != "help" && flag.Name != "config" {
			names = append(names, flag.Name)
		}
	}
	for key := range settings {
		if slices.Contains(names, key) {
			continue
		}
		if meant, ok := strictyaml.Nearest(key, names); ok {
			return fmt.Errorf("unknown key %q, did you mean %q?", key, meant)
		}
		return fmt.Errorf("unknown key %q; the keys are %v", key, names)
	}
	return nil
}
