package bango

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

const maxDepth = 32 // levels of nesting; Bango's own objects have three

// checkJSON returns why raw is not exactly one JSON object with each key once (letter case aside) and bounded nesting.
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
				folded := strings.ToLower(key)
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
