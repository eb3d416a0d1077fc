"""The page of descents, in a browser: drawn, played, scrubbed, set by clicks and keys, reloaded."""

import pytest

PRESETS = {
    "Overstepping": ("parabola", "oversteps"),
    "The local valley": ("valleys", "in a local valley"),
    "The ravine: momentum helps": ("ravine", "at the lowest point"),
    "The plateau": ("plateau", "on its way"),
    "The saddle": ("saddle", "at a lowest point"),
    "The cliff": ("cliff", "at the lowest point"),
    "Waves and noise": ("waves", "in a local valley"),
}


@pytest.fixture
def descent(open_page):
    """Opens the page with settings in the address."""
    return lambda hash="", **options: open_page("descent", hash, **options)


def step_of(page):
    return int(page.inner_text(".transport .now").split()[0])


def pixels(page):
    """A number that changes with the picture."""
    return page.evaluate("document.querySelector('#stage canvas').toDataURL()")


def to_start(page):
    page.keyboard.press("r")
    page.wait("() => document.querySelector('.transport .now').textContent.startsWith('0 ')")


def test_it_plays_steps_and_scrubs(descent):
    page = descent()
    assert step_of(page) == 0
    before = pixels(page)
    page.keyboard.press(" ")
    page.wait("() => parseInt(document.querySelector('.transport .now').textContent) >= 3")
    page.keyboard.press(" ")
    assert page.inner_text(".transport .play") == "Play"
    assert pixels(page) != before
    to_start(page)
    page.keyboard.press("s")
    page.keyboard.press("s")
    assert step_of(page) == 2
    page.get_by_label("Step that is shown").focus()
    page.keyboard.press("End")
    assert step_of(page) == 100
    page.keyboard.press("ArrowLeft")
    assert step_of(page) == 99


def test_it_comes_to_the_end_and_begins_again(descent):
    page = descent("#steps=10")
    page.get_by_label("Speed").select_option("60")
    page.get_by_role("button", name="Play").click()
    page.wait("() => document.querySelector('.transport .now').textContent === '10 of 10'")
    page.wait("() => document.querySelector('.transport .play').textContent === 'Play'")
    page.get_by_role("button", name="Play").click()
    page.wait("() => parseInt(document.querySelector('.transport .now').textContent) < 10")


@pytest.mark.parametrize("label", PRESETS)
def test_a_preset_shows_what_it_says(descent, label):
    function, note = PRESETS[label]
    page = descent("#function=kink&noise=3")
    page.get_by_role("button", name=label).click()
    page.wait_frame(f"frame => frame.used.function === '{function}'")
    page.wait(
        "note => document.querySelector('.entry .fate').textContent.startsWith(note)",
        argument=note,
    )
    assert f"function={function}" in page.url or function == "ravine"
    assert page.inner_text("#formula") == page.frame("formula")
    page.wait("() => parseInt(document.querySelector('.transport .now').textContent) >= 1")


def test_a_click_sets_the_start_and_undo_takes_it_back(descent):
    page = descent("#function=bowl")
    canvas = page.locator("#stage canvas")
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] / 2, "y": box["height"] / 4})
    page.wait("() => experiment.settings.start_x !== null")
    settings = page.settings
    assert abs(settings["start_x"]) < 0.3
    assert settings["start_y"] > 1
    page.wait_frame("frame => Math.abs(frame.used.start_x) < 0.3")
    assert page.frame("paths.sgd.x")[0] == pytest.approx(
        [settings["start_x"], settings["start_y"]], abs=1e-6
    )
    page.keyboard.press("Control+z")
    page.wait("() => experiment.settings.start_x === null")


def test_arrow_keys_move_the_start(descent):
    page = descent("#function=parabola")
    page.locator("#stage canvas").focus()
    page.keyboard.press("ArrowRight")
    page.wait("() => experiment.settings.start_x === -2.35")
    page.wait("() => document.getElementById('spot').textContent.startsWith('At −2.35: height')")
    page.wait_frame("frame => Math.abs(frame.used.start_x + 2.35) < 1e-9")


def test_pointing_tells_height_slope_and_curvature(descent):
    page = descent("#function=ravine")
    box = page.locator("#stage canvas").bounding_box()
    before = pixels(page)
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4)
    page.wait("() => document.getElementById('spot').textContent.startsWith('At (')")
    told = page.inner_text("#spot")
    assert "curvature 1 and 50" in told.replace("1.00", "1").replace("50.0", "50")
    assert "0.0400" in told
    assert pixels(page) != before
    page.mouse.move(2, 2)
    page.wait("() => document.getElementById('spot').textContent.startsWith('Point at')")


def test_the_chosen_optimiser_is_spelled_out_at_the_step_that_is_shown(descent):
    page = descent("#function=valleys")
    page.wait(
        "() => document.querySelector('#spelled h2')?.textContent === 'Step 1 of plain descent'"
    )
    page.locator(".entry", has_text="Adam").click()
    page.wait("() => document.querySelector('#spelled h2').textContent === 'Step 1 of Adam'")
    for _ in range(3):
        page.keyboard.press("s")
    page.wait("() => document.querySelector('#spelled h2').textContent === 'Step 3 of Adam'")
    assert "m̂ = m / (1 − β₁ᵗ)" in page.inner_text("#spelled")
    assert "The optimiser itself went there." in page.inner_text("#spelled")
    value = page.frame("paths.adam.value")[3]
    shown = page.locator(".entry[data-optimizer=adam] .value").inner_text()
    assert float(shown.replace("−", "-")) == pytest.approx(value, rel=1e-3)


def test_every_control_is_heard(descent):
    page = descent("#function=bowl")
    page.locator("[data-setting=function] select").select_option("himmelblau")
    page.wait("() => experiment.settings.function === 'himmelblau'")
    page.get_by_label("Nesterov").check()
    page.wait("() => experiment.settings.optimizers.includes('nesterov')")
    page.wait("() => document.querySelectorAll('.entry[data-optimizer=nesterov]').length === 1")
    for label, name, value in [
        ("Start x", "start_x", 1.5),
        ("Start y", "start_y", -1.5),
        ("Rate", "lr", 0.004),
        ("Rate, adaptive", "lr_adaptive", 0.03),
        ("Momentum", "momentum", 0.7),
        ("RMSprop keeps", "alpha", 0.95),
        ("AdamW decays", "weight_decay", 0.1),
        ("Noise", "noise", 0.5),
        ("Seed", "seed", 7),
        ("Steps", "steps", 60),
    ]:
        field = page.locator(f"[data-setting={name}] input[type=number]")
        assert field.evaluate("box => box.labels[0].textContent").startswith(label)
        field.fill(str(value))
        field.press("Enter")
        page.wait("([name, value]) => experiment.settings[name] === value", argument=[name, value])
    page.get_by_role("button", name="Rates that suit the function").click()
    page.wait("() => experiment.settings.lr === null && experiment.settings.lr_adaptive === null")
    page.wait("() => document.getElementById('own-rates').disabled")


def test_a_start_outside_is_refused_in_a_sentence(descent):
    page = descent("#function=parabola", allowed=("422",))
    field = page.locator("[data-setting=start_x] input[type=number]")
    field.fill("9")
    field.press("Enter")
    page.wait("() => document.getElementById('status').textContent.includes('from -3 to 3')")
    assert page.settings["start_x"] is None


def test_it_is_the_same_after_it_is_loaded_again(descent):
    page = descent("#function=saddle&optimizers=sgd,adamw&noise=0.2&seed=4&start_y=0.5")
    before, settings = page.frame("paths"), page.settings
    page.reload()
    page.wait("() => 'ready' in document.documentElement.dataset")
    assert page.settings == settings
    assert page.frame("paths") == before


def test_the_files_are_to_be_had(descent):
    page = descent("#function=waves")
    assert b"def waves(x):" in page.fetch("script")
    assert page.fetch("picture").startswith(b"<svg") or b"<svg" in page.fetch("picture")[:200]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(descent, scheme):
    page = descent(
        "#function=rosenbrock", viewport={"width": 390, "height": 844}, color_scheme=scheme
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    ground = page.evaluate(
        """() => {
            const canvas = document.querySelector("#stage canvas");
            const [r, g, b] = canvas.getContext("2d").getImageData(canvas.width / 2, 60, 1, 1).data;
            return r + g + b;
        }"""
    )
    assert (ground > 384) == (scheme == "light")


def test_the_drawing_says_what_it_shows(descent):
    page = descent("#function=parabola&lr=1.05&start_x=-0.3&optimizers=sgd")
    page.wait(
        "() => document.querySelector('#stage canvas').getAttribute('aria-label')"
        ".includes('plain descent ends at a height of')"
    )
    label = page.locator("#stage canvas").get_attribute("aria-label")
    assert label.startswith("f(x) = x², descended from −0.3")
    assert "left the picture at step 25" in label
