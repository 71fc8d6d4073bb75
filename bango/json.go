package bango

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// decode reads one JSON object: strictly in its form, see checkJSON; leniently in its types, so that a field of an undocumented
// type counts as missing, while the rest of the answer is still read.
func decode(raw []byte, into any) error {
	if err := checkJSON(raw); err != nil {
		return err
	}
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, into); err != nil && !errors.As(err, &mistyped) {
		return err
	}
	return nil
}

const maxDepth = 32 // levels of nesting; Bango's own objects have three

// checkJSON returns why raw is not exactly one JSON object with bounded nesting and each key once: readers differ in which of two
// they believe, and encoding/json takes keys that differ in letter case for the same.
func checkJSON(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	type level struct {
		keys    map[string]bool // nil in an array
		wantKey bool
	}
	var levels []level
	for first := true; ; first = false {
		token, err := dec.Token()
		switch {
		case errors.Is(err, io.EOF) && first:
			return errors.New("it is empty")
		case err != nil:
			return fmt.Errorf("it is not JSON: %w", err)
		case first && token != json.Delim('{'):
			return errors.New("it is not a JSON object")
		}
		if n := len(levels); n > 0 && levels[n-1].keys != nil {
			top := &levels[n-1]
			if key, isString := token.(string); isString && top.wantKey {
				folded := strings.ToLower(strings.ToUpper(key)) // upper first: encoding/json folds ſ to s, too
				if top.keys[folded] {
					return fmt.Errorf("it has the key %.40q twice", key)
				}
				top.keys[folded], top.wantKey = true, false
				continue
			}
			top.wantKey = true // what follows a value is a key again
		}
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{keys: map[string]bool{}, wantKey: true})
		case json.Delim('['):
			levels = append(levels, level{})
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:len(levels)-1]
		}
		if len(levels) > maxDepth {
			return fmt.Errorf("it is nested more than %d levels deep", maxDepth)
		}
		if len(levels) == 0 {
			break
		}
	}
	if rest := bytes.TrimSpace(raw[dec.InputOffset():]); len(rest) > 0 {
		return errors.New("something follows after the JSON object")
	}
	return nil
}
