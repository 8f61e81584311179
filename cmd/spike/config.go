package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"spike/nginx/strictyaml"
)

// configFile is a YAML file of settings. Each has the name of its flag. A flag or a variable overrides the file.
type configFile string

// BeforeResolve reads the file that the command line has named.
func (configFile) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	file, _ := ctx.FlagValue(trace.Flag).(configFile)
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(string(file))
	if err != nil {
		return usagef("--config: %w", err)
	}
	settings := map[string]setting{}
	if err := strictyaml.Decode(text, &settings); err != nil {
		return usagef("--config %s: %w", file, err)
	}
	if err := known(settings, ctx.Selected()); err != nil {
		return usagef("--config %s: %w", file, err)
	}
	for _, flag := range ctx.Selected().Flags {
		if set, found := settings[flag.Name]; found && isEmpty(reflect.ValueOf(set.values)) && !mayBeEmpty(flag) {
			return fmt.Errorf("--config %s: %w", file, emptySetting(flag.Name))
		}
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs {
			if _, set := os.LookupEnv(name); set {
				return nil, nil
			}
		}
		if set, found := settings[flag.Name]; found {
			return set.value(), nil
		}
		return nil, nil
	}))
	return nil
}

// setting is a value as the file has it, byte for byte. A flag reads it as it reads an argument: for a flag that is a text,
// 007 is not the number 7.
type setting struct {
	values []string
	list   bool
}

// errSetting does not repeat the value, which may be a secret.
var errSetting = errors.New("is neither a value nor a list of values")

// UnmarshalYAML takes a value, or a list of them.
func (s *setting) UnmarshalYAML(n *yaml.Node) error {
	values := []*yaml.Node{n}
	if s.list = n.Kind == yaml.SequenceNode; s.list {
		values = n.Content
	}
	for _, v := range values {
		if v.Kind != yaml.ScalarNode || v.Tag == "!!null" {
			return errSetting
		}
		s.values = append(s.values, v.Value)
	}
	return nil
}

// value returns what kong reads: a text, or a list of texts.
func (s setting) value() any {
	if !s.list {
		return s.values[0]
	}
	all := make([]any, len(s.values))
	for i, v := range s.values {
		all[i] = v
	}
	return all
}

// known refuses a setting that is no flag of the command, and names the flag that was probably meant. It also refuses a list
// for a flag that takes one value.
func known(settings map[string]setting, command *kong.Node) error {
	var names, lists []string
	for _, flag := range command.Flags {
		if flag.Name != "help" && flag.Name != "config" {
			names = append(names, flag.Name)
		}
		if flag.IsSlice() {
			lists = append(lists, flag.Name)
		}
	}
	for key, set := range settings {
		switch {
		case slices.Contains(names, key) && set.list && !slices.Contains(lists, key):
			return fmt.Errorf("%s: is one value, not a list", key)
		case slices.Contains(names, key):
			continue
		}
		if meant, ok := strictyaml.Nearest(key, names); ok {
			return fmt.Errorf("unknown key %q, did you mean %q?", key, meant)
		}
		return fmt.Errorf("unknown key %q; the keys are %v", key, names)
	}
	return nil
}
