"""Names in both scripts, common ones first: they are drawn by Zipf's law."""

Names = tuple[tuple[str, str], ...]


def _pairs(text: str) -> Names:
    halves = (pair.split("=") for pair in text.replace("\n", " ").split(","))
    return tuple((latin.strip(), arabic.strip()) for latin, arabic in halves)


MEN = _pairs("""
Mohammed=محمد, Ahmed=أحمد, Said=سعيد, Salim=سالم, Ali=علي, Abdullah=عبدالله, Khalid=خالد,
Nasser=ناصر, Hamad=حمد, Sultan=سلطان, Yousuf=يوسف, Ibrahim=إبراهيم, Hassan=حسن, Hussain=حسين,
Omar=عمر, Saif=سيف, Rashid=راشد, Majid=ماجد, Badr=بدر, Talal=طلال, Faisal=فيصل, Mahmood=محمود,
Khamis=خميس, Juma=جمعة, Mubarak=مبارك, Abdulrahman=عبدالرحمن, Abdulaziz=عبدالعزيز,
Haitham=هيثم, Qais=قيس, Tariq=طارق, Ghalib=غالب, Hilal=هلال, Humaid=حميد, Murad=مراد,
Anwar=أنور, Rayyan=ريان, Zakariya=زكريا, Yahya=يحيى, Musa=موسى, Idris=إدريس, Ilyas=إلياس,
Ammar=عمار, Tahir=طاهر, Usama=أسامة, Waleed=وليد, Younis=يونس, Adil=عادل, Bilal=بلال,
Fahad=فهد, Azzan=عزان, Mazin=مازن, Munir=منير, Nabil=نبيل, Jamal=جمال, Karim=كريم,
Ziyad=زياد, Habib=حبيب, Jabir=جابر, Suhail=سهيل, Sulaiman=سليمان, Ismail=إسماعيل, Amir=عامر,
Hamdan=حمدان, Marwan=مروان, Luqman=لقمان, Harith=حارث, Muhanna=مهنا, Thani=ثاني, Zahir=زاهر,
Shihab=شهاب
""")
WOMEN = _pairs("""
Fatma=فاطمة, Maryam=مريم, Aisha=عائشة, Amal=أمل, Noor=نور, Zainab=زينب, Khadija=خديجة,
Salma=سلمى, Huda=هدى, Mona=منى, Layla=ليلى, Rahma=رحمة, Asma=أسماء, Samira=سميرة,
Shamsa=شمسة, Thuraya=ثريا, Basma=بسمة, Jokha=جوخة, Wafa=وفاء, Iman=إيمان, Suad=سعاد,
Bushra=بشرى, Dalal=دلال, Hanan=حنان, Intisar=انتصار, Jamila=جميلة, Karima=كريمة, Lubna=لبنى,
Marwa=مروة, Nadia=نادية, Raya=رية, Sabah=صباح, Zahra=زهرة, Aziza=عزيزة, Ghaniya=غنية,
Muna=منى, Nawal=نوال, Rabab=رباب, Sheikha=شيخة, Zuwaina=زوينة, Kawthar=كوثر, Buthaina=بثينة,
Safiya=صفية, Hafsa=حفصة, Ruqaya=رقية, Maha=مها, Reem=ريم, Shaima=شيماء, Tahani=تهاني,
Widad=وداد
""")
FAMILIES = _pairs("""
Al Balushi=البلوشي, Al Harthy=الحارثي, Al Lawati=اللواتي, Al Rawahi=الرواحي,
Al Zadjali=الزدجالي, Al Kindi=الكندي, Al Maamari=المعمري, Al Hinai=الهنائي,
Al Busaidi=البوسعيدي, Al Amri=العامري, Al Shanfari=الشنفري, Al Mahrouqi=المحروقي,
Al Riyami=الريامي, Al Farsi=الفارسي, Al Habsi=الحبسي, Al Jabri=الجابري, Al Abri=العبري,
Al Siyabi=السيابي, Al Ghafri=الغافري, Al Wahaibi=الوهيبي, Al Saadi=السعدي, Al Hashmi=الهاشمي,
Al Kharusi=الخروصي, Al Shukaili=الشكيلي, Al Nabhani=النبهاني, Al Toobi=الطوبي, Al Badi=البادي,
Al Alawi=العلوي, Al Hadhrami=الحضرمي, Al Kalbani=الكلباني, Al Mukhaini=المخيني,
Al Yahmadi=اليحمدي, Al Zakwani=الزكواني, Al Barwani=البرواني, Al Qasmi=القاسمي,
Al Maskari=المسكري, Al Rashdi=الراشدي, Al Salmi=السالمي, Al Hajri=الحجري, Al Sinani=السناني,
Al Ismaili=الإسماعيلي, Al Battashi=البطاشي, Al Mandhari=المنذري, Al Aufi=العوفي,
Al Subhi=الصبحي, Al Ajmi=العجمي, Al Dhahri=الظاهري, Al Junaibi=الجنيبي, Al Araimi=العريمي,
Darwish=درويش, Baomar=باعمر, Al Mashani=المعشني, Al Kathiri=الكثيري, Al Tamtami=التمتمي,
Al Mujaini=المجيني, Al Fahdi=الفهدي, Al Ghassani=الغساني, Al Hosni=الحوسني, Al Jahwari=الجهوري,
Al Khanjari=الخنجري, Al Nadabi=الندابي, Al Oraimi=العريمي, Al Qarni=القرني, Al Rubaie=الربيعي,
Al Sharji=الشرجي, Al Tobi=الطوبي, Al Uwaisi=العويسي, Al Wardi=الوردي, Al Yaqoobi=اليعقوبي,
Al Zeidi=الزيدي, Al Khatri=الخاطري, Al Mazroui=المزروعي, Al Mawali=الموالي, Al Shibli=الشبلي,
Al Sawafi=الصوافي, Al Hadidi=الحديدي, Al Gheilani=الغيلاني, Al Bahri=البحري, Al Dhuhli=الذهلي,
Al Kaabi=الكعبي
""")
MEN_ABROAD = _pairs("""
John=جون, Rahul=راهول, Arun=آرون, Joseph=جوزيف, Sunil=سونيل, James=جيمس, Rajesh=راجيش,
Peter=بيتر, Vijay=فيجاي, Jose=خوسيه, Imran=عمران, Thomas=توماس, Suresh=سوريش, Manoj=مانوج,
Daniel=دانيال, Ramesh=راميش, Anil=أنيل, Mark=مارك, Paulo=باولو, Ravi=رافي, Mathew=ماثيو,
Kiran=كيران, Ashok=أشوك, David=ديفيد, Arjun=أرجون, Dennis=دينيس, Gopal=غوبال, Victor=فيكتور
""")
WOMEN_ABROAD = _pairs("""
Priya=بريا, Maria=ماريا, Anita=أنيتا, Grace=غريس, Deepa=ديبا, Kavita=كافيتا, Elena=إيلينا,
Amina=أمينة, Sunita=سونيتا, Rosa=روزا, Lakshmi=لاكشمي, Jasmine=ياسمين, Sandra=ساندرا,
Nisha=نيشا, Divya=ديفيا, Teresa=تيريزا, Angela=أنجيلا, Rekha=ريخا, Meera=ميرا, Cristina=كريستينا
""")
FAMILIES_ABROAD = _pairs("""
Kumar=كومار, Nair=ناير, Kamau=كاماو, Santos=سانتوس, Sharma=شارما, Odhiambo=أوديامبو,
Smith=سميث, Patel=باتيل, Reyes=رييس, Menon=مينون, Khan=خان, Fernandes=فرنانديز, Pillai=بيلاي,
Garcia=غارسيا, Brown=براون, Cruz=كروز, Das=داس, Varghese=فارغيز, Bautista=باوتيستا,
Chowdhury=تشودري, Iyer=آير, Mendoza=ميندوزا, Pereira=بيريرا, Rahman=رحمن, Shetty=شيتي,
Thapa=ثابا, Gurung=غورونغ, Dsouza=دسوزا, Wilson=ويلسون, Hussein=حسين
""")
# Families that hardly anybody has: without them every word would be a common one.
SYLLABLES = _pairs("""
ba=با, da=دا, fa=فا, ha=ها, ja=جا, ka=كا, la=لا, ma=ما, na=نا, ra=را, sa=سا, ta=تا, za=زا,
bi=بي, di=دي, fi=في, hi=هي, ji=جي, ki=كي, li=لي, mi=مي, ni=ني, ri=ري, si=سي, shu=شو, khu=خو,
ghu=غو, ru=رو, mu=مو, nu=نو
""")

MAILBOXES = ("gmail.com", "hotmail.com", "yahoo.com", "outlook.com", "icloud.com", "omantel.om")
COMPANIES = ("Trading", "Perfumes", "Motors", "Bakery", "Textiles", "Travel", "Pharmacy", "Foods")
AREAS = (
    "Ruwi", "Al Khuwair", "Seeb", "Ghala", "Azaiba", "Mutrah", "Qurum", "Bawshar", "Sohar",
    "Nizwa", "Sur", "Salalah", "Ibri", "Rustaq", "Barka", "Mabela", "Amerat", "Madinat Qaboos",
)  # fmt: skip
