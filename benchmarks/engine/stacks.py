"""Models of any size: coupled cells of 25 states each, to see how cost grows with states."""

from __future__ import annotations

from typing import Final

STATES_PER_CELL: Final = 25
_SPECIES: Final = {
    "ligand": 0.5,
    "receptor": 1.0,
    "bound": 0.0,
    "inside": 0.0,
    "g_protein": 1.0,
    "g_alpha_gtp": 0.0,
    "g_alpha_gdp": 0.0,
    "g_beta_gamma": 0.0,
    "ip3": 0.05,
    "calcium": 0.1,
    "store": 1.0,
    "camp": 1.0,
    "pka": 0.2,
    "ras": 0.01,
    "raf": 0.01,
    "mek_p": 0.01,
    "mek_pp": 0.01,
    "erk_p": 0.01,
    "erk_pp": 0.01,
    "pi3k": 0.01,
    "pip3": 0.02,
    "akt_p": 0.02,
    "phosphatase": 0.2,
    "stat_p": 0.01,
    "socs": 0.1,
}
_REACTIONS: Final = """
  J_spread_@:   ligand_@ -> ligand_#; k_spread * (ligand_@ - ligand_#);
  J_supply_@:   -> ligand_@; k_supply * (1 + erk_pp_#) - k_clear * ligand_@;
  J_bind_@:     ligand_@ + receptor_@ -> bound_@; k_on * ligand_@ * receptor_@ - k_off * bound_@;
  J_enter_@:    bound_@ -> inside_@; k_enter * bound_@;
  J_return_@:   inside_@ -> receptor_@; k_return * inside_@;
  J_exchange_@: g_protein_@ -> g_alpha_gtp_@ + g_beta_gamma_@; k_exchange * bound_@ * g_protein_@;
  J_gtp_@:      g_alpha_gtp_@ -> g_alpha_gdp_@; k_hydrolyse * g_alpha_gtp_@;
  J_reform_@: g_alpha_gdp_@ + g_beta_gamma_@ -> g_protein_@; k_reform*g_alpha_gdp_@*g_beta_gamma_@;
  J_ip3_@:      -> ip3_@; k_plc * (0.02 + g_beta_gamma_@) - k_ip3 * ip3_@;
  J_release_@:  store_@ -> calcium_@; (k_leak + k_release * ip3_@) * (store_@ - calcium_@);
  J_pump_@:     calcium_@ -> store_@; k_pump / (1 + (half_pump / calcium_@)^n_pump);
  J_entry_@:    -> calcium_@; k_entry - k_extrude * calcium_@;
  J_camp_@:     -> camp_@; k_camp / (1 + g_alpha_gtp_@) - k_camp_loss * camp_@;
  J_pka_@:      -> pka_@; k_pka * camp_@ * camp_@ * (1 - pka_@) - k_pka_off * pka_@;
  J_ras_@:      -> ras_@; k_ras * (0.05 + g_beta_gamma_@ + bound_@) * (1 - ras_@);
  J_ras_off_@:  ras_@ -> ; k_ras_off * ras_@;
  J_raf_@:      -> raf_@; k_raf * ras_@ * (1 - raf_@) - k_raf_off * (1 + pka_@) * raf_@;
  J_mek_p_@:    -> mek_p_@; k_mek * raf_@ * (1 - mek_p_@ - mek_pp_@) - k_mek_off * mek_p_@;
  J_mek_pp_@:   mek_p_@ -> mek_pp_@; k_mek * raf_@ * mek_p_@ - k_mek_off * mek_pp_@;
  J_erk_p_@:    -> erk_p_@; k_erk * mek_pp_@ * (1 - erk_p_@ - erk_pp_@);
  J_erk_0_@:    erk_p_@ -> ; k_erk_off * phosphatase_@ * erk_p_@;
  J_erk_pp_@:   erk_p_@ -> erk_pp_@; k_erk * mek_pp_@ * erk_p_@;
  J_erk_off_@:  erk_pp_@ -> erk_p_@; k_erk_off * phosphatase_@ * erk_pp_@;
  J_mkp_@:      -> phosphatase_@; k_mkp / (1 + (half_mkp / (0.1 + erk_pp_@))^n_mkp);
  J_mkp_off_@:  phosphatase_@ -> ; k_mkp * phosphatase_@;
  J_pi3k_@:     -> pi3k_@; k_pi3k * (g_beta_gamma_@ + ras_@) * (1 - pi3k_@) - k_pi3k_off * pi3k_@;
  J_pip3_@:     -> pip3_@; k_pip3 * pi3k_@ - k_pten * pip3_@;
  J_akt_@:      -> akt_p_@; k_akt * pip3_@ * (1 - akt_p_@) - k_akt_off * akt_p_@;
  J_stat_@:     -> stat_p_@; k_stat * bound_@ * (1 - stat_p_@) / (1 + socs_@) - k_stat_off*stat_p_@;
  J_socs_@:     -> socs_@; k_socs * (0.05 + stat_p_@) - k_socs_loss * socs_@;
"""
_CONSTANTS: Final = """
  k_spread = 1e-3; k_supply = 2e-4; k_clear = 4e-4; k_on = 2; k_off = 0.1; k_enter = 0.003;
  k_return = 0.001; k_exchange = 2; k_hydrolyse = 0.1; k_reform = 20; k_plc = 0.05; k_ip3 = 0.1;
  k_leak = 0.01; k_release = 0.2; k_pump = 0.8; n_pump = 1.7; half_pump = 0.3; k_entry = 0.02;
  k_extrude = 0.2; k_camp = 0.05; k_camp_loss = 0.05; k_pka = 0.5; k_pka_off = 0.5; k_ras = 0.3;
  k_ras_off = 0.1; k_raf = 1; k_raf_off = 0.2; k_mek = 2; k_mek_off = 0.5; k_erk = 2;
  k_erk_off = 0.5; k_mkp = 3e-4; n_mkp = 1.6; half_mkp = 0.3; k_pi3k = 1; k_pi3k_off = 1;
  k_pip3 = 0.2; k_pten = 0.2; k_akt = 0.2; k_akt_off = 0.1; k_stat = 0.05; k_stat_off = 0.005;
  k_socs = 0.002; k_socs_loss = 4e-4;
"""


def stack_antimony(n_state: int) -> str:
    """Return a ring of cells that exchange ligand, as Antimony text of the model ``stack``.

    Parameters
    ----------
    n_state
        States of the whole, a positive multiple of 25.

    Raises
    ------
    ValueError
        If it is not.
    """
    cells, rest = divmod(n_state, STATES_PER_CELL)
    if rest or cells < 1:
        msg = f"n_state must be a positive multiple of {STATES_PER_CELL}, got {n_state}."
        raise ValueError(msg)
    lines = ["model stack()", "  compartment tissue = 1;"]
    for cell in range(cells):
        # Cells start a little apart, so that no two courses are the same.
        lines += [
            f"  species {name}_{cell} in tissue = {value * (1 + 0.1 * cell / cells):.6g};"
            for name, value in _SPECIES.items()
        ]
    for cell in range(cells):
        reactions = _REACTIONS if cells > 1 else _REACTIONS.split("\n", 2)[2]
        lines.append(reactions.replace("@", str(cell)).replace("#", str((cell + 1) % cells)))
    return "\n".join([*lines, _CONSTANTS, "end", ""])
