"""Names in both scripts, common ones first: they are drawn by Zipf's law."""

Names = tuple[tuple[str, str], ...]


def _pairs(text: str) -> Names:
    pairs = (pair.split("=") for pair in text.replace("\n", "").split(","))
    return tuple((latin.strip(), arabic.strip()) for latin, arabic in pairs)


GIVEN = _pairs("""
Mohammed=محمد,Ahmed=أحمد,Said=سعيد,Salim=سالم,Fatma=فاطمة,Ali=علي,Maryam=مريم,Abdullah=عبدالله,
Khalid=خالد,Aisha=عائشة,Nasser=ناصر,Hamad=حمد,Muhammad=محمد,Sultan=سلطان,Yousuf=يوسف,Amal=أمل,
Ibrahim=إبراهيم,Hassan=حسن,Hussain=حسين,Omar=عمر,Noor=نور,Saif=سيف,Rashid=راشد,Majid=ماجد,
Zainab=زينب,Badr=بدر,Talal=طلال,Faisal=فيصل,Khadija=خديجة,Mahmood=محمود,Khamis=خميس,Juma=جمعة,
Mubarak=مبارك,Abdulrahman=عبدالرحمن,Abdul Aziz=عبدالعزيز,Haitham=هيثم,Qais=قيس,Tariq=طارق,
Salma=سلمى,Huda=هدى,Mona=منى,Layla=ليلى,Rahma=رحمة,Asma=أسماء,Samira=سميرة,Shamsa=شمسة,
Mohamed=محمد,Thuraya=ثريا,Ghalib=غالب,Hilal=هلال,Humaid=حميد,Murad=مراد,Anwar=أنور,Basma=بسمة,
Jokha=جوخة,Wafa=وفاء,Rayyan=ريان,Iman=إيمان,Suad=سعاد,Zakariya=زكريا,Yahya=يحيى,Musa=موسى,
Idris=إدريس,Ilyas=إلياس,Ammar=عمار,Bushra=بشرى,Dalal=دلال,Hanan=حنان,Intisar=انتصار,Jamila=جميلة,
Karima=كريمة,Lubna=لبنى,Marwa=مروة,Nadia=نادية,Raya=رية,Sabah=صباح,Tahir=طاهر,Usama=أسامة,
Waleed=وليد,Younis=يونس,Zahra=زهرة,Adil=عادل,Aziza=عزيزة,Bilal=بلال,Fahad=فهد,Ghaniya=غنية
""")

FAMILIES = _pairs("""
Al Balushi=البلوشي,Al Harthy=الحارثي,Al Lawati=اللواتي,Al Rawahi=الرواحي,Al Zadjali=الزدجالي,
Al Kindi=الكندي,Al Maamari=المعمري,Al Hinai=الهنائي,Al Busaidi=البوسعيدي,Al Amri=العامري,
Al Shanfari=الشنفري,Al Mahrouqi=المحروقي,Al Riyami=الريامي,Al Farsi=الفارسي,Al Habsi=الحبسي,
Al Jabri=الجابري,Al Abri=العبري,Al Siyabi=السيابي,Al Ghafri=الغافري,Al Wahaibi=الوهيبي,
Al Saadi=السعدي,Al Hashmi=الهاشمي,Al Kharusi=الخروصي,Al Mamari=المعمري,Al Shukaili=الشكيلي,
Al Nabhani=النبهاني,Al Toobi=الطوبي,Al Badi=البادي,Al Alawi=العلوي,Al Hadhrami=الحضرمي,
Al Kalbani=الكلباني,Al Mukhaini=المخيني,Al Yahmadi=اليحمدي,Al Zakwani=الزكواني,Al Barwani=البرواني,
Al Qasmi=القاسمي,Al Maskari=المسكري,Al Rashdi=الراشدي,Al Salmi=السالمي,Al Hajri=الحجري,
Al Sinani=السناني,Al Ismaili=الإسماعيلي,Al Battashi=البطاشي,Al Mandhari=المنذري,Al Aufi=العوفي,
Al Subhi=الصبحي,Al Ajmi=العجمي,Al Dhahri=الظاهري,Al Junaibi=الجنيبي,Al Araimi=العريمي,
Darwish=درويش,Al Sheikh=الشيخ,Baomar=باعمر,Al Mashani=المعشني,Al Kathiri=الكثيري,Bait Said=بيت سعيد
""")

GIVEN_ABROAD = _pairs("""
John=جون,Priya=بريا,Rahul=راهول,Maria=ماريا,Wanjiru=وانجيرو,Arun=آرون,Joseph=جوزيف,Anita=أنيتا,
Otieno=أوتينو,Grace=غريس,Sunil=سونيل,Deepa=ديبا,James=جيمس,Achieng=أتشينغ,Rajesh=راجيش,Zoë=زوي,
Kavita=كافيتا,Peter=بيتر,Mwangi=موانغي,Elena=إيلينا,Vijay=فيجاي,José=خوسيه,Njeri=نجيري,Amina=أمينة
""")

FAMILIES_ABROAD = _pairs("""
Kumar=كومار,Nair=ناير,Kamau=كاماو,Santos=سانتوس,Sharma=شارما,Thomas=توماس,Odhiambo=أوديامبو,
Smith=سميث,Patel=باتيل,Reyes=رييس,Njoroge=نجوروغي,Menon=مينون,Khan=خان,Fernandes=فرنانديز,
Onyango=أونيانغو,Pillai=بيلاي,García=غارسيا,Chebet=شيبيت,Mathew=ماثيو,Brown=براون,Abdi=عبدي
""")

# Families that hardly anybody has: without them every word would be a common one.
SYLLABLES = _pairs("""
ba=با,da=دا,fa=فا,ha=ها,ja=جا,ka=كا,la=لا,ma=ما,na=نا,ra=را,sa=سا,ta=تا,wa=وا,ya=يا,za=زا,
bi=بي,di=دي,fi=في,hi=هي,ji=جي,ki=كي,li=لي,mi=مي,ni=ني,ri=ري,si=سي,ti=تي,shu=شو,khu=خو,ghu=غو
""")

COMPANIES = ("Trading", "Perfumes", "Motors", "Bakery", "Textiles", "Travel", "Pharmacy", "Foods")
DOMAINS = (
    "gmail.com",
    "hotmail.com",
    "outlook.com",
    "omantel.example",
    "yahoo.com",
    "shop.example",
)
