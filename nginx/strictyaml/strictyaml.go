// Package strictyaml reads YAML into structs and accepts nothing that it does not understand.
//
// These are errors: an unknown key, a key given twice, a key without a value, a value of the wrong kind, an alias, a second
// document. An error has its line and the path of the key. The error of an unknown key names the known key that is most like it.
// A misspelt setting must stop a program, not silently fall back to a default.
package strictyaml

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxBytes is the longest text that Decode reads. A settings file is written by hand.
const MaxBytes = 1 << 20

// Error says what is wrong with a YAML text, and where.
type Error struct {
	Line int    // 1-based; 0 when the whole text is meant
	Path string // such as edges[1].weight; empty at the top
	Msg  string
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Msg)
	return b.String()
}

// Decode reads one YAML document into the struct or map that into points to. Keys are those of go.yaml.in/yaml/v3 (the `yaml`
// tag, else the field's name in lower case; `,inline` and `-` work). A field that the text does not name keeps its value, so set
// defaults before. An empty text changes nothing. Every error in the text is an *Error. Decode panics only if into is not a
// non-nil pointer.
func Decode(data []byte, into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic("strictyaml: Decode needs a non-nil pointer")
	}
	root, err := parse(data)
	if err != nil || root == nil {
		return err
	}
	return decode(root, "", v.Elem())
}

// parse returns the top node of the only document; nil for an empty text.
func parse(data []byte) (*yaml.Node, error) {
	if len(data) > MaxBytes {
		return nil, &Error{Msg: fmt.Sprintf("longer than %d bytes", MaxBytes)}
	}
	var doc, second yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, &Error{Msg: plain(err)} // yaml's message has the line
	}
	if err := dec.Decode(&second); err == nil {
		return nil, &Error{Line: second.Line, Msg: "a second document"}
	} else if !errors.Is(err, io.EOF) {
		return nil, &Error{Msg: plain(err)}
	}
	root := doc.Content[0]
	if isNull(root) {
		return nil, nil
	}
	return root, refuseAliases(root)
}

// refuseAliases keeps the walk linear in the text, because an alias may stand for a tree of any size.
func refuseAliases(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		return &Error{Line: n.Line, Msg: "aliases are not supported"}
	}
	for _, c := range n.Content {
		if err := refuseAliases(c); err != nil {
			return err
		}
	}
	return nil
}

func decode(n *yaml.Node, path string, v reflect.Value) error {
	if v.Kind() == reflect.Pointer && !readsItself(v.Type()) {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return decode(n, path, v.Elem())
	}
	switch {
	case isNull(n):
		return &Error{n.Line, path, "has no value"}
	case readsItself(v.Type()):
		return decodeValue(n, path, v)
	case v.Kind() == reflect.Struct:
		return decodeStruct(n, path, v)
	case v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String:
		return decodeMap(n, path, v)
	case v.Kind() == reflect.Slice:
		return decodeSlice(n, path, v)
	}
	return decodeValue(n, path, v)
}

func decodeStruct(n *yaml.Node, path string, v reflect.Value) error {
	names, fields := structFields(v)
	return eachPair(n, path, func(key, value *yaml.Node) error {
		at := join(path, key.Value)
		f, known := fields[key.Value]
		if !known {
			return &Error{key.Line, at, "unknown key" + hint(key.Value, names)}
		}
		return decode(value, at, f)
	})
}

func decodeMap(n *yaml.Node, path string, v reflect.Value) error {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	return eachPair(n, path, func(key, value *yaml.Node) error {
		elem := reflect.New(v.Type().Elem()).Elem()
		if err := decode(value, join(path, key.Value), elem); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), elem)
		return nil
	})
}

func decodeSlice(n *yaml.Node, path string, v reflect.Value) error {
	if n.Kind != yaml.SequenceNode {
		return &Error{n.Line, path, "must be a list, not " + kind(n)}
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, c := range n.Content {
		if err := decode(c, fmt.Sprintf("%s[%d]", path, i), list.Index(i)); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

func decodeValue(n *yaml.Node, path string, v reflect.Value) error {
	if n.Kind != yaml.ScalarNode && v.Kind() != reflect.Interface && !readsItself(v.Type()) {
		return &Error{n.Line, path, "must be one value, not " + kind(n)}
	}
	if (v.CanInt() || v.CanUint()) && n.ShortTag() == "!!float" {
		return &Error{n.Line, path, "must be a whole number"} // yaml would cut 1.5 to 1
	}
	if err := n.Decode(v.Addr().Interface()); err != nil {
		return &Error{n.Line, path, plain(err)}
	}
	return nil
}

// eachPair visits a mapping's keys in the order of the text.
func eachPair(n *yaml.Node, path string, visit func(key, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return &Error{n.Line, path, "must be keys and values, not " + kind(n)}
	}
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return &Error{key.Line, path, "a key must be one word, not " + kind(key)}
		}
		if line, again := seen[key.Value]; again {
			return &Error{key.Line, join(path, key.Value), fmt.Sprintf("given twice, first in line %d", line)}
		}
		seen[key.Value] = key.Line
		if err := visit(key, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// structFields lists the keys of a struct in the order of its fields, and where each is stored.
func structFields(v reflect.Value) ([]string, map[string]reflect.Value) {
	var names []string
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-", !f.IsExported():
			continue
		case strings.Contains(options, "inline") && f.Type.Kind() == reflect.Struct:
			inner, at := structFields(v.Field(i))
			for _, n := range inner {
				fields[n] = at[n]
			}
			names = append(names, inner...)
			continue
		case name == "":
			name = strings.ToLower(f.Name)
		}
		names = append(names, name)
		fields[name] = v.Field(i)
	}
	return names, fields
}

var (
	yamlReader = reflect.TypeFor[yaml.Unmarshaler]()
	textReader = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// readsItself says whether a value of type t has its own YAML or text form.
func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(yamlReader) || p.Implements(textReader)
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	default:
		return "one value"
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// plain is yaml's message without its headline. If Error has the line already, the message is without the line too.
func plain(err error) string {
	var list *yaml.TypeError
	if errors.As(err, &list) && len(list.Errors) > 0 {
		msg := list.Errors[0]
		if _, after, found := strings.Cut(msg, ": "); found && strings.HasPrefix(msg, "line ") {
			return after
		}
		return msg
	}
	return strings.TrimPrefix(err.Error(), "yaml: ")
}
