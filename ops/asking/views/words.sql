-- Words that the views are written in. Callable from any statement: formula(composition), recipe_words(recipe).
CREATE MACRO number_words(x) AS
    CASE WHEN abs(x - 1) < 1e-9 THEN '' ELSE rtrim(rtrim(format('{:.3f}', x), '0'), '.') END;

CREATE MACRO atoms(composition) AS flatten([
    [{'element': p.element, 'n': s.multiplicity * p.parts / list_sum([q.parts FOR q IN s.species])} FOR p IN s.species]
    FOR s IN composition.sublattices
]);

CREATE MACRO formula(composition) AS array_to_string([
    a.element || number_words(list_sum([b.n FOR b IN atoms(composition) IF b.element = a.element]))
    FOR a, i IN atoms(composition)
    IF list_position([b.element FOR b IN atoms(composition)], a.element) = i
], '');

CREATE MACRO recipe_words(recipe) AS array_to_string(list_filter([
    CASE WHEN recipe.regrinds > 0 THEN (recipe.regrinds + 1) || ' × (' ELSE '' END
    || array_to_string([format('{:.0f} °C, {:g} h', s.target - 273.15, s.dwell / 3600) FOR s IN recipe.profile.segments], ' + ')
    || CASE WHEN recipe.regrinds > 0 THEN ')' ELSE '' END,
    recipe.vessel,
    CASE WHEN recipe.a_site_excess <> 0 THEN replace(format('{:+.1f}', 100 * recipe.a_site_excess), '-', '−') || ' % A' END,
    CASE WHEN recipe.atmosphere <> 'air' THEN recipe.atmosphere END,
    CASE WHEN recipe.contact <> 'bare' THEN recipe.contact END,
    CASE WHEN recipe.profile.cooling <> 'furnace' THEN recipe.profile.cooling END
], lambda word: word IS NOT NULL), ' · ');

CREATE MACRO phase_words(phases) AS [p.name || format(' {:.1f} %', 100 * p.weight_fraction) FOR p IN phases];

CREATE MACRO expected(predictions, wanted) AS [p FOR p IN predictions IF p.component = wanted][1];

CREATE MACRO interval_of(conformal, wanted) AS [r FOR r IN conformal IF r.component = wanted][1];
