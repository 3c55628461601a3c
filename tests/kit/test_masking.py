from crm_saas.kit.masking import mask_contacts


def test_contacts_are_masked_however_deep_they_lie() -> None:
    values = {"rows": [{"phone": "+96890123456", "name": "Amal"}], "email": "amal@example.com"}

    assert mask_contacts(values) == {
        "rows": [{"phone": "+968901****56", "name": "Amal"}],
        "email": "a****@example.com",
    }


def test_a_phone_as_it_was_typed_into_a_filter_is_hidden_whole() -> None:
    assert mask_contacts({"filter": {"phone": "90123456"}}) == {"filter": {"phone": "****"}}
