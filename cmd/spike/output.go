package main

import (
	"encoding/json"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"spike/edge/admin"
	"spike/luascripts/ledger"
)

// outputFlag is how a command prints.
type outputFlag struct {
	Output string `short:"o" enum:"text,json,table" default:"text" help:"text for people (table is the same), json for programs."`
	JSON   bool   `name:"json" help:"The same as -o json."`
}

func (o outputFlag) asJSON() bool { return o.JSON || o.Output == jsonLines }

// print prints v as a line of JSON, or else what text writes.
func (o outputFlag) print(v any, text func(io.Writer) error) error {
	if o.asJSON() {
		return json.NewEncoder(os.Stdout).Encode(v)
	}
	return text(os.Stdout)
}

// printed is what each command prints as JSON. The names of the fields are stable: new ones may come, none goes.
var printed = map[string]any{
	"audit":               ledger.Audit{},
	"check":               checked{},
	"edges":               []processRow{},
	"reservation prolong": admin.Unit{},
	"reservation release": admin.Unit{},
	"reservation show":    admin.Unit{},
	"sale add":            shown{},
	"sale close":          stopped{},
	"sale create":         shown{},
	"sale draw":           drawn{},
	"sale edit":           shown{},
	"sale list":           listed{},
	"sale mend":           shown{},
	"sale pause":          stopped{},
	"sale reopen":         reopened{},
	"sale resume":         shown{},
	"sale show":           shown{},
	"version":             build{},
}

// fields are the names of a type's fields in JSON, those of nested objects in braces.
func fields(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return fields(t.Elem())
	case reflect.Slice:
		return brackets("[", fields(t.Elem()), "]")
	case reflect.Struct:
		if t != reflect.TypeFor[time.Time]() {
			return brackets("{", strings.Join(fieldsOf(t), ", "), "}")
		}
	default:
	}
	return "" // a number, a text, a time: it has no fields
}

// brackets puts text in brackets. There are none around nothing.
func brackets(left, text, right string) string {
	if text == "" {
		return ""
	}
	return left + text + right
}

// fieldsOf are the fields of a struct, with those of the structs that it embeds.
func fieldsOf(t reflect.Type) (all []string) {
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		had := func(has string) bool { return strings.HasPrefix(has+" ", name+" ") } // by an outer struct
		if name != "" && name != "-" && !slices.ContainsFunc(all, had) {
			all = append(all, strings.TrimSpace(name+" "+fields(f.Type)))
		}
	}
	return all
}
