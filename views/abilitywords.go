package views

import (
	"slices"

	"latchkey/resale"
)

// MerchantAnchor is the id of what a merchant can do, on the page of the catalogue.
func MerchantAnchor(merchantKey string) string { return "can-" + merchantKey }

var abilityNames = map[resale.RequestKind]string{resale.KindSuspend: "Suspend", resale.KindResume: "Resume", resale.KindUpdate: "Change",
	resale.KindUndo: "Undo a cancel", resale.KindCancel: "Cancel", resale.KindRevoke: "Revoke"}

// settings are the choices of an admin, as buttons say them.
var settings = []struct {
	setting resale.AbilitySetting
	words   string
}{{resale.AbilityYes, "It can"}, {resale.AbilityNo, "It cannot"}, {resale.AbilityLearned, "Its answers decide"}}

// ability returns what is known of one kind; where nothing is, the merchant's answers decide.
func ability(abilities []resale.Ability, merchantKey string, kind resale.RequestKind) resale.Ability {
	i := slices.IndexFunc(abilities, func(a resale.Ability) bool { return a.MerchantKey == merchantKey && a.Kind == kind })
	if i < 0 {
		return resale.Ability{MerchantKey: merchantKey, Kind: kind}
	}
	return abilities[i]
}

func canWord(a resale.Ability) string {
	if a.Missing() {
		return "cannot"
	}
	return "can"
}

// canBecause tells how that is known.
func canBecause(a resale.Ability) string {
	switch {
	case a.Setting != resale.AbilityLearned:
		return "set by " + a.SetBy
	case a.Missing():
		return "learned from its answers: " + a.Message
	case a.Refusals > 0:
		return "as far as is known; its last answer: " + a.Message
	}
	return "as far as is known"
}
