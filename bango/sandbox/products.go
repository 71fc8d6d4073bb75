package sandbox

import "net/http"

// eligible answers with the products that a customer can have: those of each merchant that takes new customers and of which the customer
// has nothing. src: resale/product-api-ref/get; the path is not published
func (s *Sandbox) eligible(c caller, r *http.Request) answer {
	identifier := r.Header.Get("X-CustomerIdentifier")
	switch {
	case r.PathValue("resellerIdentifier") != c.Username:
		return refuse(http.StatusNotFound, codeNotFound, "There is no such reseller")
	case identifier == "":
		return badRequest(messageInvalid + "X-CustomerIdentifier parameter is required")
	case len(identifier) > maxText:
		return badRequest(messageInvalid + "X-CustomerIdentifier parameter is invalid")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	products := []eligibleProduct{}
	for _, m := range s.config.Merchants {
		if m.generation() != c.generation || m.Behaviour == Refuses || s.liveOf(c.account, identifier, m.Key) != nil {
			continue
		}
		for _, p := range m.Products {
			products = append(products, eligibleProduct{ProductIdentifier: p.Key, ProductRank: len(products) + 1, ProductStatus: "AVAILABLE",
				ProductName: p.Name, ProductDescription: p.Name + " by " + m.Name})
		}
	}
	return answer{http.StatusOK, toJSON(productsReply{envelope{codeOK, messageSuccess}, products})}
}
