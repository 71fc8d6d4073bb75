package resale

import "sync"

// Topics that a page can listen to. A change names topics only, never content: whoever hears of it reads again.
const (
	TopicEntitlements = "entitlements" // any entitlement changed: lists, counts
	TopicEverything   = "*"            // something may have been missed: everybody reads again

	TopicReconciliation = "reconciliation" // a background job got on, a difference was settled
	TopicAttention      = "attention"      // something needs attention, or does no longer
)

// TopicEntitlement is the topic of one entitlement, by its id.
func TopicEntitlement(id string) string { return "entitlement:" + id }

// TopicCustomer is the topic of one customer, by our id.
func TopicCustomer(id string) string { return "customer:" + id }

// Change is what listeners hear: the topics that changed and the refs of the entitlements concerned.
type Change struct {
	Topics []string
	Refs   []string
}

// Hub tells listeners in this process that something was committed. A listener that has not yet taken its last signal is not
// waited for: signals carry nothing that reading again would not show.
type Hub struct {
	mu     sync.Mutex
	closed bool
	heard  map[string]map[*Listener]struct{}
}

// Listener hears of the changes to its topics. Signal has room for one; Refs gathers until Take.
type Listener struct {
	Signal <-chan struct{} // receives after a change; closed when the hub closes

	hub    *Hub
	topics []string
	signal chan struct{}
	refs   map[string]struct{}
}

// NewHub returns a hub without listeners.
func NewHub() *Hub { return &Hub{heard: map[string]map[*Listener]struct{}{}} }

// Listen starts to listen to topics, and to TopicEverything. The caller ends it with Close.
func (h *Hub) Listen(topics ...string) *Listener {
	signal := make(chan struct{}, 1)
	l := &Listener{Signal: signal, hub: h, topics: append(topics, TopicEverything), signal: signal, refs: map[string]struct{}{}}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(signal)
		return l
	}
	for _, t := range l.topics {
		if h.heard[t] == nil {
			h.heard[t] = map[*Listener]struct{}{}
		}
		h.heard[t][l] = struct{}{}
	}
	return l
}

// maxRefs is how many refs a listener remembers; one that falls further behind is told of none, and reads everything again.
const maxRefs = 64

// Take returns the refs that changed since the last call, and true where it may have missed some.
func (l *Listener) Take() (refs []string, all bool) {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	_, all = l.refs[TopicEverything]
	for r := range l.refs {
		if r != TopicEverything {
			refs = append(refs, r)
		}
	}
	clear(l.refs)
	return refs, all
}

// Close ends the listening. It may be called more than once.
func (l *Listener) Close() {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	for _, t := range l.topics {
		delete(l.hub.heard[t], l)
		if len(l.hub.heard[t]) == 0 {
			delete(l.hub.heard, t)
		}
	}
}

// Publish tells the listeners of a change. It never blocks.
func (h *Hub) Publish(c Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	for _, t := range c.Topics {
		if t == TopicEverything {
			for _, listeners := range h.heard {
				tell(listeners, nil, true)
			}
			return
		}
		tell(h.heard[t], c.Refs, false)
	}
}

func tell(listeners map[*Listener]struct{}, refs []string, all bool) {
	for l := range listeners {
		if all || len(l.refs)+len(refs) > maxRefs {
			clear(l.refs)
			l.refs[TopicEverything] = struct{}{}
		} else {
			for _, r := range refs {
				l.refs[r] = struct{}{}
			}
		}
		select {
		case l.signal <- struct{}{}:
		default:
		}
	}
}

// Listeners returns how many listeners there are.
func (h *Hub) Listeners() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.heard[TopicEverything])
}

// Shutdown ends every listening: the Signal of each is closed. Later listeners find theirs closed.
func (h *Hub) Shutdown() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	for l := range h.heard[TopicEverything] {
		close(l.signal)
	}
	clear(h.heard)
}
