package views

import "latchkey/resale"

// lineWords are what people read while nothing goes to Bango: what is the matter, and what happens by itself. The line that is open has none.
var lineWords = map[resale.LineState]struct{ what, next string }{
	resale.LineDown: {"Bango does not answer.", "Nothing is sent until it does; it is tried again every 10 seconds."},
	resale.LineBarred: {"Bango accepts neither our credentials nor this address.",
		"Nothing is sent until it does; it is tried again every minute. Whoever runs this portal can look at both."},
	resale.LineSlowed: {"Bango asked us to slow down.", "Nothing is sent before the time that it named."},
}
